//! System calls that an older kernel does not have: refused to one thread, and to the processes that it
//! starts (seccomp(2)); or calls with some flags, as a container may refuse them.
//!
//! Invariant: the other threads of the process are left as they are.

/// Has this system call answer `ENOSYS` to the calling thread from now on.
pub(crate) fn refuse(call: libc::c_long) {
    refuse_with(call, libc::ENOSYS);
}

/// Has this system call answer this error to the calling thread from now on.
pub(crate) fn refuse_with(call: libc::c_long, errno: i32) {
    let statement =
        |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let refused = libc::SECCOMP_RET_ERRNO | errno as u32;
    let mut program = [
        // The number of the call is the first word of what the filter looks at.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, call as u32),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, refused),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    install(&mut program);
}

/// Has this system call answer this error to the calling thread from now on where its first argument has
/// one of these bits.
pub(crate) fn refuse_flags(call: libc::c_long, flags: u32, errno: i32) {
    let statement =
        |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter { code: code as u16, jt, jf, k };
    let refused = libc::SECCOMP_RET_ERRNO | errno as u32;
    let first_argument = 16 + if cfg!(target_endian = "big") { 4 } else { 0 };
    install(&mut [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 3, call as u32),
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, first_argument),
        statement(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, 0, 1, flags),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, refused),
        statement(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW),
    ]);
}

fn install(program: &mut [libc::sock_filter]) {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the first call takes numbers; the second reads the filter, which outlives it, through the
    // pointer.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        assert_eq!(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter), 0);
    }
}
