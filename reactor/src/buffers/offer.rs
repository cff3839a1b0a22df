//! The first pieces of a queue as the buffers of one vectored write.
//!
//! Invariant: the pieces are offered in their order, and never more than [`PIECES_MAX`].

use std::io::IoSlice;

use protocol::transport::Unsent;

/// How many pieces one system call takes; far below the kernel's `IOV_MAX` of 1,024.
const PIECES_MAX: usize = 64;

/// Hands the first pieces to `send`, as many as one system call takes.
pub(crate) fn offer<R>(unsent: &Unsent, send: impl FnOnce(&[IoSlice<'_>]) -> R) -> R {
    if let Some(piece) = unsent.sole_piece() {
        return send(&[IoSlice::new(piece)]);
    }
    let mut offered = [IoSlice::new(&[]); PIECES_MAX];
    let mut count = 0;
    for (place, piece) in offered.iter_mut().zip(unsent.pieces()) {
        *place = IoSlice::new(piece);
        count += 1;
    }
    send(&offered[..count])
}

#[cfg(test)]
mod tests {
    use interfaces::Chunk;
    use protocol::transport::{SendPool, SendQueue};

    use super::*;

    #[test]
    fn one_system_call_is_offered_a_bounded_number_of_pieces_and_all_leave_in_order() {
        let (queue, pool) = (SendQueue::new(), SendPool::new());
        let numbers = 0..PIECES_MAX as u8 * 2 + 7;
        queue.push_all(numbers.clone().map(|n| Chunk::from(vec![n; 3])).collect(), &pool);
        let (mut received, mut most) = (Vec::new(), 0);
        while let Some(mut unsent) = queue.take() {
            let taken = offer(&unsent, |pieces| {
                most = most.max(pieces.len());
                let bytes: Vec<u8> = pieces.iter().flat_map(|piece| piece.to_vec()).collect();
                received.extend_from_slice(&bytes[..bytes.len().min(50)]);
                bytes.len().min(50)
            });
            unsent.advance(taken);
            queue.give_back(unsent, &pool);
        }
        assert_eq!(most, PIECES_MAX);
        assert_eq!(received, numbers.flat_map(|n| [n; 3]).collect::<Vec<_>>());
    }
}
