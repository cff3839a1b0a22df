//! What a link costs: built and fired, while pending and when fired already.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use ropewalk_deferred::Deferred;

const LINKS: u32 = 10;

fn chain(deferred: Deferred<u32>) -> Deferred<u32> {
    (0..LINKS).fold(deferred, |deferred, _| deferred.add_callback(|n| Ok(black_box(n) + 1)))
}

fn benches(criterion: &mut Criterion) {
    criterion.bench_function("chain of 10, built and then fired", |bencher| {
        bencher.iter(|| {
            let (deferred, promise) = Deferred::<u32>::new();
            let last = chain(deferred);
            promise.callback(black_box(0));
            last.try_into_result()
        });
    });
    criterion.bench_function("chain of 10, fired before it is built", |bencher| {
        bencher.iter(|| chain(Deferred::succeed(black_box(0))).try_into_result());
    });
    criterion.bench_function("a promise fired, and its Deferred read", |bencher| {
        bencher.iter(|| {
            let (deferred, promise) = Deferred::<u32>::new();
            promise.callback(black_box(0));
            deferred.try_into_result()
        });
    });
}

criterion_group!(chains, benches);
criterion_main!(chains);
