//! One result through ten callbacks, and one hand-over to a waiting task: Deferreds, boxed futures,
//! tokio's oneshot.
//!
//! Invariant: each iteration builds all of its values, and drops them.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use deferred::Deferred;
use futures::FutureExt;
use futures::channel::oneshot as futures_oneshot;
use futures::future::LocalBoxFuture;
use futures::task::{Context, Poll, noop_waker};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

const LINKS: u32 = 10;

/// Built, then fired, then read.
fn deferred_pending(criterion: &mut Criterion) {
    criterion.bench_function("deferred-10-pending", |bencher| {
        bencher.iter(|| {
            let (mut deferred, promise) = Deferred::<u64>::new();
            for _ in 0..black_box(LINKS) {
                deferred = deferred.add_callback(|number| Ok(black_box(number) + 1));
            }
            promise.callback(black_box(0));
            deferred.try_into_result()
        });
    });
}

/// Built on a result that has already come.
fn deferred_fired(criterion: &mut Criterion) {
    criterion.bench_function("deferred-10-fired", |bencher| {
        bencher.iter(|| {
            let mut deferred = Deferred::<u64>::succeed(black_box(0));
            for _ in 0..black_box(LINKS) {
                deferred = deferred.add_callback(|number| Ok(black_box(number) + 1));
            }
            deferred.try_into_result()
        });
    });
}

/// The same with futures: each combinator in a box, as it is when a function returns it. The first
/// poll is what adding callbacks is to a Deferred, the second comes when the value is sent.
fn futures_boxed(criterion: &mut Criterion) {
    criterion.bench_function("futures-10-boxed", |bencher| {
        let waker = noop_waker();
        bencher.iter(|| {
            let (sender, receiver) = futures_oneshot::channel::<u64>();
            let mut future: LocalBoxFuture<'static, Result<u64, futures_oneshot::Canceled>> =
                receiver.boxed_local();
            for _ in 0..black_box(LINKS) {
                future =
                    future.map(|number| number.map(|number| black_box(number) + 1)).boxed_local();
            }
            let mut context = Context::from_waker(&waker);
            assert!(future.poll_unpin(&mut context).is_pending());
            sender.send(black_box(0)).expect("the receiver is held");
            let Poll::Ready(Ok(number)) = future.poll_unpin(&mut context) else {
                unreachable!("the value was sent");
            };
            number
        });
    });
}

/// The cheapest use of an awaited oneshot of tokio: the sender is in the same task, so no task is
/// scheduled.
fn oneshot_in_one_task(criterion: &mut Criterion) {
    criterion.bench_function("oneshot-one-task", |bencher| {
        bencher.iter_custom(|iterations| {
            runtime().block_on(async move {
                let begin = Instant::now();
                for number in 0..iterations {
                    let (sender, mut receiver) = oneshot::channel::<u64>();
                    assert!((&mut receiver).now_or_never().is_none());
                    sender.send(black_box(number)).expect("the receiver is held");
                    assert_eq!(receiver.await, Ok(number));
                }
                begin.elapsed()
            })
        });
    });
}

/// The message of a hand-over: the sender for the answer.
struct Ball(oneshot::Sender<Ball>);

/// Two tasks that wait for each other in turns: a hand-over builds a channel, sends, wakes the waiting
/// task, and polls it.
fn oneshot_hand_over(criterion: &mut Criterion) {
    criterion.bench_function("oneshot-hand-over", |bencher| {
        bencher.iter_custom(|iterations| hand_over(&runtime(), iterations));
    });
}

fn hand_over(runtime: &Runtime, iterations: u64) -> Duration {
    let (first, waits) = oneshot::channel();
    let other = runtime.spawn(async move {
        let mut ball = waits.await;
        while let Ok(Ball(sender)) = ball {
            let (answer, waits) = oneshot::channel();
            if sender.send(Ball(answer)).is_err() {
                break;
            }
            ball = waits.await;
        }
    });
    runtime.block_on(async move {
        // The other task must wait before the clock starts.
        tokio::task::yield_now().await;
        let mut sender = first;
        let begin = Instant::now();
        // Each round trip is two hand-overs.
        for _ in 0..iterations.div_ceil(2) {
            let (answer, waits) = oneshot::channel();
            assert!(sender.send(Ball(answer)).is_ok());
            let Ok(Ball(next)) = waits.await else { unreachable!("the other task answers") };
            sender = next;
        }
        let took = begin.elapsed();
        drop(sender);
        other.await.expect("the other task ends when its sender is gone");
        took
    })
}

fn runtime() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime without drivers needs nothing")
}

/// Short, as `cargo xtask bench-deferred` runs all of it several times.
fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(700))
        .sample_size(20)
        .without_plots()
}

criterion_group! {
    name = links;
    config = short();
    targets = deferred_pending, deferred_fired, futures_boxed, oneshot_in_one_task, oneshot_hand_over
}
criterion_main!(links);
