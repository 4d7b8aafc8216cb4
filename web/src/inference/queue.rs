//! One waiting computation, the newest: the bookkeeping behind [`Request::Compute`](super::protocol::Request::Compute).

/// A computation that has been asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Job<T> {
    /// Names the request.
    pub request: u32,
    /// What to compute.
    pub work: T,
}

/// Holds at most one job; while one is being computed, newer ones replace each other here.
#[derive(Debug)]
pub struct Newest<T> {
    waiting: Option<Job<T>>,
    cancelled: Option<u32>,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Self { waiting: None, cancelled: None }
    }
}

impl<T> Newest<T> {
    /// Takes a job in, in place of an older one that has not begun.
    pub fn put(&mut self, job: Job<T>) {
        self.waiting = Some(job);
    }

    /// Drops the job, or remembers that nobody wants its answer.
    pub fn cancel(&mut self, request: u32) {
        self.waiting.take_if(|job| job.request == request);
        self.cancelled = Some(request);
    }

    /// The next job to compute.
    pub fn take(&mut self) -> Option<Job<T>> {
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

    fn job(request: u32) -> Job<&'static str> {
        Job { request, work: "look" }
    }

    #[test]
    fn the_newest_replaces_the_waiting_one() {
        let mut queue = Newest::default();
        queue.put(job(1));
        queue.put(job(2));
        assert_eq!(queue.take(), Some(job(2)));
        assert_eq!(queue.take(), None);
    }

    #[test]
    fn an_answer_overtaken_or_cancelled_is_not_wanted() {
        let mut queue = Newest::default();
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
        let mut queue = Newest::default();
        queue.put(job(4));
        queue.cancel(4);
        assert_eq!(queue.take(), None);
    }
}
