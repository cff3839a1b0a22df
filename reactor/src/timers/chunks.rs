//! A list that grows without moving its elements.
//!
//! A million entries in one `Vec` would be copied each time it grows. Invariant: each chunk is full before
//! there is a next one.

/// A list in chunks of `SIZE` elements; the first chunk grows to that size as a `Vec` does.
pub(super) struct Chunks<T, const SIZE: usize> {
    chunks: Vec<Vec<T>>,
    len: usize,
}

impl<T, const SIZE: usize> Default for Chunks<T, SIZE> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

impl<T, const SIZE: usize> Chunks<T, SIZE> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn push(&mut self, element: T) {
        self.len += 1;
        match self.chunks.last_mut() {
            Some(last) if last.len() < SIZE => last.push(element),
            Some(_) => {
                let mut chunk = Vec::with_capacity(SIZE);
                chunk.push(element);
                self.chunks.push(chunk);
            }
            None => self.chunks.push(vec![element]),
        }
    }

    #[inline]
    pub(super) fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / SIZE)?.get(index % SIZE)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        self.chunks.get_mut(index / SIZE)?.get_mut(index % SIZE)
    }
}
