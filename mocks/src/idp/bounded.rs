//! A map that forgets its oldest entries.

use std::collections::{HashMap, VecDeque};

/// At most so many entries; the oldest go first.
#[derive(Debug)]
pub(super) struct Bounded<V> {
    entries: HashMap<String, V>,
    order: VecDeque<String>,
    limit: usize,
}

impl<V> Bounded<V> {
    pub(super) fn new(limit: usize) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), limit }
    }

    /// Replaces an entry of that name, or adds one.
    pub(super) fn insert(&mut self, name: impl Into<String>, value: V) {
        let name = name.into();
        if self.entries.insert(name.clone(), value).is_none() {
            self.order.push_back(name);
        }
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.entries.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&V> {
        self.entries.get(name)
    }

    pub(super) fn get_mut(&mut self, name: &str) -> Option<&mut V> {
        self.entries.get_mut(name)
    }

    /// Takes an entry out. Its place in the order lapses with time.
    pub(super) fn remove(&mut self, name: &str) -> Option<V> {
        self.entries.remove(name)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first() {
        let mut map = Bounded::new(2);
        for name in ["a", "b", "b", "c"] {
            map.insert(name, name.len());
        }
        assert!(map.get("a").is_none());
        assert!(map.get("b").is_some());
        assert!(map.get("c").is_some());
    }
}
