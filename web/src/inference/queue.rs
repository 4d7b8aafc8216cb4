//! One waiting estimate, the newest: the bookkeeping behind [`Request::Estimate`](super::protocol::Request::Estimate).

use glae_face::crop::Square;

/// An estimate that has been asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Job {
    /// Names the request.
    pub request: u32,
    /// Names the photograph.
    pub photo: u32,
    /// The square to look at.
    pub square: Square,
}

/// Holds at most one job; while one is being computed, newer ones replace each other here.
#[derive(Debug, Default)]
pub struct Queue {
    waiting: Option<Job>,
    cancelled: Option<u32>,
}

impl Queue {
    /// Takes a job in, in place of an older one that has not begun.
    pub fn put(&mut self, job: Job) {
        self.waiting = Some(job);
    }

    /// Drops the job, or remembers that nobody wants its answer.
    pub fn cancel(&mut self, request: u32) {
        self.waiting.take_if(|job| job.request == request);
        self.cancelled = Some(request);
    }

    /// The next job to compute.
    pub fn take(&mut self) -> Option<Job> {
        self.waiting.take()
    }

    /// Whether a computed answer still has a reader: it was not cancelled, and no newer job waits.
    pub fn wants(&self, request: u32) -> bool {
        self.waiting.is_none() && self.cancelled != Some(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(request: u32) -> Job {
        Job { request, photo: 1, square: Square { x: 0.0, y: 0.0, side: 9.0 } }
    }

    #[test]
    fn the_newest_replaces_the_waiting_one() {
        let mut queue = Queue::default();
        queue.put(job(1));
        queue.put(job(2));
        assert_eq!(queue.take(), Some(job(2)));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn an_answer_overtaken_or_cancelled_is_not_wanted() {
        let mut queue = Queue::default();
        assert!(queue.wants(1));
        queue.put(job(2));
        assert!(!queue.wants(1));
        assert_eq!(queue.take(), Some(job(2)));
        queue.cancel(2);
        assert!(!queue.wants(2));
        assert!(queue.wants(3));
    }

    #[test]
    fn a_cancelled_job_is_not_begun() {
        let mut queue = Queue::default();
        queue.put(job(4));
        queue.cancel(4);
        assert_eq!(queue.take(), None);
    }
}
