//! The order of the bytes, what is offered at once, and what the pool counts and keeps.

use alloc::vec;

use super::*;

/// What the next write is offered.
fn offered(unsent: &Unsent) -> Vec<u8> {
    unsent.pieces().flatten().copied().collect()
}

#[test]
fn whatever_the_pieces_and_the_progress_the_bytes_are_the_same() {
    for step in 1..12 {
        let pool = SendPool::new();
        let queue = SendQueue::new();
        queue.gather(b"one ", &pool);
        queue.gather(b"two ", &pool);
        let chunks = [Chunk::from(b"three "), Chunk::from(vec![]), Chunk::from(b"four ")];
        queue.push_all(chunks.to_vec(), &pool);
        assert_eq!(queue.gather(b"five", &pool), 23);
        let mut received = Vec::new();
        while let Some(mut unsent) = queue.take() {
            assert!(unsent.pieces().all(|piece| !piece.is_empty()));
            let offered = offered(&unsent);
            if let Some(piece) = unsent.sole_piece() {
                assert_eq!(piece, offered);
            }
            assert_eq!((offered.len(), received.len()), (unsent.len(), 23 - unsent.len()));
            let taken = step.min(offered.len());
            received.extend_from_slice(&offered[..taken]);
            unsent.advance(taken);
            queue.give_back(unsent, &pool);
        }
        assert_eq!(received, b"one two three four five");
        assert!(queue.is_empty());
        assert_eq!(pool.waiting_bytes(), 0);
        assert!(pool.spare.take().is_some());
    }
}

#[test]
fn a_pool_counts_what_waits_in_all_its_queues() {
    let pool = SendPool::new();
    let queues = [SendQueue::new(), SendQueue::new()];
    queues[0].gather(b"seven ba", &pool);
    queues[1].push_all(vec![Chunk::from(vec![0; 100_000])], &pool);
    queues[1].gather(b"two", &pool);
    assert_eq!(pool.waiting_bytes(), 8 + 100_003);
    let mut unsent = queues[1].take().unwrap();
    unsent.advance(99_000);
    queues[1].give_back(unsent, &pool);
    assert_eq!(pool.waiting_bytes(), 8 + 1_003);
    queues[0].clear(&pool);
    assert_eq!(pool.waiting_bytes(), 1_003);
    // Storage that is lent again counts from nothing.
    queues[0].gather(b"again", &pool);
    queues[1].clear(&pool);
    assert_eq!(pool.waiting_bytes(), 5);
}

#[test]
fn what_is_gathered_behind_a_chunk_waits_its_turn() {
    let pool = SendPool::new();
    let queue = SendQueue::new();
    queue.push_all(vec![Chunk::from(b"chunk ")], &pool);
    queue.gather(b"and ", &pool);
    assert_eq!(queue.gather(b"more", &pool), 14);
    let unsent = queue.take().expect("bytes wait");
    assert_eq!(offered(&unsent), b"chunk and more");
    assert_eq!(unsent.pieces().count(), 2, "what is gathered is gathered together");
}

#[test]
fn a_drained_queue_lends_its_buffer_to_the_next() {
    let pool = SendPool::new();
    let queue = SendQueue::new();
    queue.gather(&[1; 100], &pool);
    queue.clear(&pool);
    let other = SendQueue::new();
    other.gather(b"x", &pool);
    let unsent = other.take().expect("a byte waits");
    assert!(unsent.head.capacity() >= 100);
    assert_eq!(offered(&unsent), b"x");
}

#[test]
fn the_pool_keeps_no_more_than_its_bounds() {
    let pool = SendPool::new();
    let full: Vec<_> = (0..100).map(|_| SendQueue::new()).collect();
    let fill = |bytes: usize| {
        let _: usize = full.iter().map(|queue| queue.gather(&vec![1; bytes], &pool)).sum();
        full.iter().for_each(|queue| queue.clear(&pool));
        pool.others.borrow().len() + usize::from(pool.spare.take().is_some())
    };
    assert_eq!(fill(100), POOLED_BUFFERS_MAX + 1);
    assert_eq!(fill(POOLED_BYTES_MAX + 1), 0);
}

#[test]
fn the_pool_keeps_no_room_for_a_crowd_of_chunks() {
    let pool = SendPool::new();
    let queue = SendQueue::new();
    let chunks = (0..1_000_000).map(|_| Chunk::from(b"x")).collect();
    queue.push_all(chunks, &pool);
    queue.clear(&pool);
    let kept = pool.spare.take().map_or(0, |it| it.rest.capacity() * size_of::<Part>());
    assert!(kept <= POOLED_BYTES_MAX, "{kept} bytes are kept");
}

#[test]
fn an_empty_queue_is_one_word() {
    assert_eq!(size_of::<SendQueue>(), size_of::<usize>());
}
