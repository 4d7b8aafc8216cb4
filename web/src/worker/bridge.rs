//! The asking side's books: what was asked, who waits for it, and whether the worker still lives.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{About, Reply, Request};

/// Where messages go. A worker ends when its port is dropped.
pub trait Port {
    /// What it takes.
    type Request: Request;
    /// What it gives.
    type Reply: Reply;
    /// What lies beside a message.
    type Beside;

    /// Posts a request.
    fn post(&self, request: &Self::Request, beside: Vec<Self::Beside>);
}

/// Gets each reply to a request, and what lies beside it.
pub type Answered<P> = Rc<dyn Fn(<P as Port>::Reply, <P as Port>::Beside)>;

/// A request that waits for the program to listen, and its number.
type Waiting<P> = (Option<u32>, <P as Port>::Request, Vec<<P as Port>::Beside>);

/// A worker, or none yet.
pub struct Bridge<P: Port> {
    port: Option<P>,
    listening: bool,
    /// Counts workers: replies of an ended one may still be in the browser's queue.
    generation: u32,
    last_request: u32,
    outbox: Vec<Waiting<P>>,
    waiting: BTreeMap<u32, Answered<P>>,
    /// For how many seconds nothing was heard or asked.
    quiet: u32,
}

/// How long a worker may be quiet, in seconds; `None`: for ever.
#[derive(Clone, Copy, Debug, Default)]
pub struct BridgeLimits {
    /// While it is waited for.
    pub silent: Option<u32>,
    /// While it has nothing to do.
    pub idle: Option<u32>,
}

/// How a worker is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// There is none, or it is within its limits.
    Fine,
    /// It has said nothing for so many seconds that it counts as broken.
    Silent(u32),
    /// It has had nothing to do for so long that it may end.
    Idle,
}

/// What to do with a reply.
pub enum Received<P: Port> {
    /// It belongs to a request: call this with it, while the bridge is not borrowed, since what is called may ask again.
    Answer(Answered<P>, P::Reply),
    /// It is about the worker itself.
    Worker(P::Reply),
    /// Nothing: its request was cancelled or answered, or its worker has ended.
    Nothing,
}

impl<P: Port> Default for Bridge<P> {
    fn default() -> Self {
        Self {
            port: None,
            listening: false,
            generation: 0,
            last_request: 0,
            outbox: Vec::new(),
            waiting: BTreeMap::new(),
            quiet: 0,
        }
    }
}

impl<P: Port> Bridge<P> {
    /// Whether there is a worker.
    pub fn is_open(&self) -> bool {
        self.port.is_some()
    }

    /// Whether its program runs.
    pub fn is_listening(&self) -> bool {
        self.listening
    }

    /// Whether a reply is waited for.
    pub fn is_awaited(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Ends the worker, and forgets who waits. Returns the number of the next one, by which its replies are known.
    pub fn close(&mut self) -> u32 {
        let (generation, last_request) = (self.generation + 1, self.last_request);
        *self = Self { generation, last_request, ..Self::default() };
        generation
    }

    /// Takes a new worker, which was given the number of [`Self::close`].
    pub fn open(&mut self, port: P) {
        self.port = Some(port);
    }

    /// Tells the worker something, as soon as it listens.
    pub fn tell(&mut self, request: P::Request) {
        self.send(None, request, Vec::new());
    }

    /// Asks the worker, as soon as it listens. `build` gets the number of the request, which is returned too.
    pub fn ask(
        &mut self,
        build: impl FnOnce(u32) -> P::Request,
        beside: Vec<P::Beside>,
        answered: impl Fn(P::Reply, P::Beside) + 'static,
    ) -> u32 {
        self.last_request += 1;
        let id = self.last_request;
        if self.waiting.is_empty() {
            self.quiet = 0;
        }
        self.waiting.insert(id, Rc::new(answered));
        self.send(Some(id), build(id), beside);
        id
    }

    fn send(&mut self, id: Option<u32>, request: P::Request, beside: Vec<P::Beside>) {
        match &self.port {
            Some(port) if self.listening => port.post(&request, beside),
            _ => self.outbox.push((id, request, beside)),
        }
    }

    /// The reply is not wanted any more.
    pub fn cancel(&mut self, request: u32) {
        let waits = self.outbox.iter().any(|(id, ..)| *id == Some(request));
        self.outbox.retain(|(id, ..)| *id != Some(request));
        if self.waiting.remove(&request).is_some()
            && !waits
            && let Some(cancel) = P::Request::cancel(request)
        {
            self.send(None, cancel, Vec::new());
        }
    }

    /// Takes a reply of the worker of this number.
    pub fn receive(&mut self, generation: u32, reply: P::Reply) -> Received<P> {
        if generation != self.generation {
            return Received::Nothing;
        }
        self.quiet = 0;
        let answered = match reply.about() {
            About::Listening => {
                self.listening = true;
                for (_, request, beside) in std::mem::take(&mut self.outbox) {
                    self.send(None, request, beside);
                }
                None
            }
            About::More(request) => self.waiting.get(&request).cloned(),
            About::Last(request) => self.waiting.remove(&request),
            About::Worker => return Received::Worker(reply),
        };
        answered.map_or(Received::Nothing, |answered| Received::Answer(answered, reply))
    }

    /// Some seconds have passed. Counted in steps and not read off a clock: while the computer sleeps, neither the worker
    /// nor this goes on.
    pub fn tick(&mut self, seconds: u32, limits: BridgeLimits) -> Life {
        if self.port.is_none() {
            return Life::Fine;
        }
        let idle = self.listening && self.waiting.is_empty() && limits.silent.is_none();
        let limit = if idle { limits.idle } else { limits.silent };
        self.quiet = if limit.is_some() { self.quiet + seconds } else { 0 };
        match limit.filter(|limit| self.quiet >= *limit) {
            None => Life::Fine,
            Some(_) if idle => Life::Idle,
            Some(limit) => Life::Silent(limit),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Question {
        Ask(u32),
        Cancel(u32),
        Tell,
    }

    impl Request for Question {
        fn cancel(request: u32) -> Option<Self> {
            Some(Self::Cancel(request))
        }
    }

    #[derive(Clone, Debug, PartialEq)]
    enum Said {
        Listening,
        Half(u32),
        Done(u32),
        Broken,
    }

    impl Reply for Said {
        fn about(&self) -> About {
            match self {
                Self::Listening => About::Listening,
                Self::Half(request) => About::More(*request),
                Self::Done(request) => About::Last(*request),
                Self::Broken => About::Worker,
            }
        }

        fn broken(_: String) -> Self {
            Self::Broken
        }
    }

    type Log<T> = Rc<RefCell<Vec<T>>>;

    /// Notes what is posted, with what lies beside it, and that it was dropped.
    #[derive(Clone, Default)]
    struct Fake(Log<(Question, Vec<&'static str>)>);

    impl Port for Fake {
        type Request = Question;
        type Reply = Said;
        type Beside = &'static str;

        fn post(&self, request: &Question, beside: Vec<&'static str>) {
            self.0.borrow_mut().push((request.clone(), beside));
        }
    }

    fn opened() -> (Bridge<Fake>, Fake, u32) {
        let (mut bridge, port) = (Bridge::default(), Fake::default());
        let generation = bridge.close();
        bridge.open(port.clone());
        (bridge, port, generation)
    }

    /// Hands a reply over as an owner does.
    fn hear(bridge: &mut Bridge<Fake>, generation: u32, said: Said) -> Option<Said> {
        match bridge.receive(generation, said) {
            Received::Answer(answered, said) => answered(said, ""),
            Received::Worker(said) => return Some(said),
            Received::Nothing => {}
        }
        None
    }

    #[test]
    fn what_is_asked_too_early_is_posted_in_order_once_the_program_listens() {
        let (mut bridge, port, generation) = opened();
        bridge.tell(Question::Tell);
        let id = bridge.ask(Question::Ask, vec!["bytes"], |_, _| {});
        assert!(port.0.borrow().is_empty() && !bridge.is_listening());
        hear(&mut bridge, generation, Said::Listening);
        let second = bridge.ask(Question::Ask, vec![], |_, _| {});
        let right = [(Question::Tell, vec![]), (Question::Ask(id), vec!["bytes"]), (Question::Ask(second), vec![])];
        assert_eq!(*port.0.borrow(), right);
    }

    #[test]
    fn replies_reach_the_one_who_asked_until_the_last() {
        let (mut bridge, _, generation) = opened();
        let heard = Log::default();
        let note = heard.clone();
        let id = bridge.ask(Question::Ask, vec![], move |said, _| note.borrow_mut().push(said));
        for said in [Said::Listening, Said::Half(id), Said::Half(id + 1), Said::Done(id), Said::Done(id)] {
            assert_eq!(hear(&mut bridge, generation, said), None);
        }
        assert_eq!(*heard.borrow(), [Said::Half(id), Said::Done(id)]);
        assert!(!bridge.is_awaited());
        assert_eq!(hear(&mut bridge, generation, Said::Broken), Some(Said::Broken));
    }

    #[test]
    fn what_is_cancelled_is_not_posted_or_is_taken_back() {
        let (mut bridge, port, generation) = opened();
        let early = bridge.ask(Question::Ask, vec![], |_, _| panic!("it was cancelled"));
        bridge.cancel(early);
        hear(&mut bridge, generation, Said::Listening);
        assert!(port.0.borrow().is_empty());
        let late = bridge.ask(Question::Ask, vec![], |_, _| panic!("it was cancelled"));
        bridge.cancel(late);
        bridge.cancel(late);
        assert_eq!(*port.0.borrow(), [(Question::Ask(late), vec![]), (Question::Cancel(late), vec![])]);
        hear(&mut bridge, generation, Said::Done(late));
    }

    #[test]
    fn replies_of_an_ended_worker_are_nobodys() {
        let (mut bridge, port, generation) = opened();
        let old = bridge.ask(Question::Ask, vec![], |_, _| panic!("its worker has ended"));
        let next = bridge.close();
        assert_eq!(Rc::strong_count(&port.0), 1, "the worker was not ended");
        bridge.open(Fake::default());
        assert!(hear(&mut bridge, generation, Said::Done(old)).is_none());
        assert!(hear(&mut bridge, generation, Said::Broken).is_none());
        assert!(!bridge.is_awaited() && next != generation);
        assert!(bridge.ask(Question::Ask, vec![], |_, _| {}) > old, "numbers are not used twice");
    }

    #[test]
    fn silence_and_idleness_have_ends() {
        let (mut bridge, _, generation) = opened();
        let limits = |silent, idle| BridgeLimits { silent, idle };
        assert_eq!(bridge.tick(5, limits(Some(10), None)), Life::Fine);
        assert_eq!(bridge.tick(5, limits(Some(10), None)), Life::Silent(10), "it never listened");
        hear(&mut bridge, generation, Said::Listening);
        assert_eq!(bridge.tick(5, limits(None, Some(10))), Life::Fine);
        assert_eq!(bridge.tick(5, limits(None, Some(10))), Life::Idle);
        let id = bridge.ask(Question::Ask, vec![], |_, _| {});
        assert_eq!(bridge.tick(5, limits(Some(10), Some(10))), Life::Fine, "asking begins anew");
        hear(&mut bridge, generation, Said::Half(id));
        assert_eq!(bridge.tick(5, limits(Some(10), Some(10))), Life::Fine, "it was heard");
        assert_eq!(bridge.tick(60, limits(None, None)), Life::Fine);
        bridge.close();
        assert_eq!(bridge.tick(60, limits(Some(1), Some(1))), Life::Fine, "there is none");
    }
}
