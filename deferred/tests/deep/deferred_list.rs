//! Lists, gathers and races of a million, and lists of lists, in a thread with a stack of 256 KiB.

use std::thread;

use ropewalk_deferred::{
    Cancelled, Deferred, DeferredList, FirstError, ListResult, Promise,
    gather_results_of_consuming_errors, race,
};

const MANY: u64 = 1_000_000;
const DEEP: u64 = 100_000;

type Member = Deferred<u64, Cancelled>;
type List = Deferred<ListResult<u64, Cancelled>, FirstError<Cancelled>>;

fn on_a_small_stack(f: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(256 * 1024).spawn(f);
    thread.expect("a thread").join().expect("no panic in it");
}

fn members() -> (Vec<Member>, Vec<Promise<u64, Cancelled>>) {
    (0..MANY).map(|_| Member::new()).unzip()
}

fn list() -> (List, Vec<Promise<u64, Cancelled>>) {
    let (members, promises) = members();
    (DeferredList::new(members).collect(), promises)
}

fn results(list: List) -> Vec<Result<u64, Cancelled>> {
    list.try_into_result().expect("it has fired").expect("a plain list").into_results()
}

#[test]
fn a_list_of_a_million_fires() {
    on_a_small_stack(|| {
        let (list, promises) = list();
        for (promise, value) in promises.into_iter().zip(0..) {
            promise.callback(value);
        }
        assert!(results(list).into_iter().eq((0..MANY).map(Ok)));
        let list = DeferredList::new((0..MANY).map(Member::succeed)).collect();
        assert!(results(list).into_iter().eq((0..MANY).map(Ok)));
    });
}

#[test]
fn a_list_of_a_million_is_cancelled() {
    on_a_small_stack(|| {
        let (list, promises) = list();
        list.cancel_handle().cancel();
        assert!(promises.iter().all(Promise::is_cancelled));
        assert!(results(list).into_iter().eq((0..MANY).map(|_| Err(Cancelled))));
    });
}

#[test]
fn a_list_of_a_million_is_dropped_unfired() {
    on_a_small_stack(|| {
        let (list, promises) = list();
        drop(list);
        drop(promises);
        let (list, promises) = self::list();
        drop(promises);
        assert_eq!(results(list).len(), MANY as usize);
    });
}

#[test]
fn the_first_of_a_million_decides() {
    on_a_small_stack(|| {
        let (members, mut promises) = members();
        let first = race(members);
        promises.remove(MANY as usize / 2).callback(5);
        assert!(promises.iter().all(Promise::is_cancelled));
        assert_eq!(first.try_into_result().unwrap().unwrap(), (MANY as usize / 2, 5));

        let (members, mut promises) = self::members();
        let values = gather_results_of_consuming_errors(members);
        promises.remove(0).errback(Cancelled);
        assert_eq!(values.try_into_result().unwrap().unwrap_err().index(), Some(0));
        drop(promises);
    });
}

#[test]
fn lists_and_races_each_a_member_of_the_next_fire_and_are_dropped() {
    on_a_small_stack(|| {
        for fired in [true, false] {
            let (mut inner, innermost) = Member::new();
            for _ in 0..DEEP {
                let list = DeferredList::new([inner]).fire_on_one_errback().collect();
                inner = list.map_err(FirstError::into_error).add_callback(|result| {
                    let results = result.into_results();
                    results.into_iter().next().expect("one member")
                });
            }
            match fired {
                true => innermost.callback(5),
                false => drop(innermost),
            }
            let expected = if fired { Ok(5) } else { Err(Cancelled) };
            assert_eq!(inner.try_into_result().unwrap(), expected);

            let (mut inner, innermost) = Member::new();
            for _ in 0..DEEP {
                inner = race([inner]).map_err(|_| Cancelled).add_callback(|(_, value)| Ok(value));
            }
            drop(inner);
            if fired {
                innermost.callback(5);
            }
        }
    });
}
