//! A lock's process: a future that the node's kernel runs whenever what it waits for is there.
//!
//! So a lock reads as the program that it is. There is no runtime: a process waits for one thing at
//! a time, which it leaves on its [`Desk`], and the kernel polls it when it has put the answer
//! there.

use super::node::Now;
use super::rpc::{Done, Errno, Name, Op};
use crate::lock::adapter::{Answer, Request};
use crate::seeds;
use crate::units::Nanos;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// What a process asks its kernel for.
enum Asked {
    Nfs(Op),
    /// Until then by the monotonic clock (ns).
    Sleep(u64),
    /// The next request; or nothing, when it has not come by then.
    Request(Option<u64>),
}

enum Told {
    Nfs(Result<Done, Errno>),
    Woken,
    Request(Option<(u64, Request)>),
}

/// Where a process and its kernel leave things for each other.
struct Desk {
    now: Cell<Now>,
    asked: Cell<Option<Asked>>,
    told: Cell<Option<Told>>,
    lines: RefCell<Vec<String>>,
    descriptors: Cell<u64>,
    rng: RefCell<ChaCha8Rng>,
}

/// The system calls of a process.
#[derive(Clone)]
pub struct Os(Rc<Desk>);

impl Os {
    async fn ask(&self, asked: Asked) -> Told {
        self.0.asked.set(Some(asked));
        std::future::poll_fn(|_| match self.0.told.take() {
            Some(told) => Poll::Ready(told),
            None => Poll::Pending,
        })
        .await
    }

    /// An operation on the mount.
    pub async fn nfs(&self, op: Op) -> Result<Done, Errno> {
        match self.ask(Asked::Nfs(op)).await {
            Told::Nfs(result) => result,
            _ => Ok(Done::Ok),
        }
    }

    /// The file, as the server has it, and the server's wall clock (ns).
    pub async fn look(&self, name: &Name) -> (Option<super::rpc::File>, i64) {
        match self.nfs(Op::Look(name.clone())).await {
            Ok(Done::Looked { file, now }) => (file, now),
            _ => (None, 0),
        }
    }

    pub async fn sleep(&self, time: Nanos) {
        self.ask(Asked::Sleep(self.monotonic().saturating_add(time.0))).await;
    }

    /// The next request and its number; `None`: it has not come by `until` (by the monotonic
    /// clock, ns).
    pub async fn request(&self, until: Option<u64>) -> Option<(u64, Request)> {
        match self.ask(Asked::Request(until)).await {
            Told::Request(request) => request,
            _ => None,
        }
    }

    pub fn say(&self, line: String) {
        self.0.lines.borrow_mut().push(line);
    }

    pub fn answer(&self, id: u64, answer: &Answer) {
        let mut line = serde_json::to_value(answer).expect("an answer is always JSON");
        line["id"] = id.into();
        self.say(line.to_string());
    }

    /// Nanoseconds since power-on.
    pub fn monotonic(&self) -> u64 {
        self.0.now.get().monotonic
    }

    /// Nanoseconds since 1970.
    pub fn wall(&self) -> i64 {
        self.0.now.get().wall
    }

    /// Opens a descriptor that nobody closes.
    pub fn leak(&self) {
        self.0.descriptors.set(self.0.descriptors.get() + 1);
    }

    /// A time between the two, of which each is as likely.
    pub fn draw(&self, least: Nanos, most: Nanos) -> Nanos {
        Nanos(self.0.rng.borrow_mut().random_range(least.0..=most.0))
    }
}

pub struct Process {
    future: Pin<Box<dyn Future<Output = ()>>>,
    desk: Rc<Desk>,
    waits: Waits,
    requests: VecDeque<(u64, Request)>,
    /// It was sent SIGSTOP.
    pub stopped: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Waits {
    /// For nothing: it can run.
    No,
    Nfs,
    Until(u64),
    Request(Option<u64>),
    /// It has ended.
    Ended,
}

/// Standard input, output and error, and what the runtime has open.
const DESCRIPTORS: u64 = 4;

impl Process {
    /// Starts what `program` makes of the system calls.
    pub fn start(
        seed: u64,
        program: impl FnOnce(Os) -> Pin<Box<dyn Future<Output = ()>>>,
    ) -> Process {
        let desk = Rc::new(Desk {
            now: Cell::new(Now::default()),
            asked: Cell::new(None),
            told: Cell::new(None),
            lines: RefCell::new(Vec::new()),
            descriptors: Cell::new(DESCRIPTORS),
            rng: RefCell::new(seeds::generator(seed)),
        });
        let future = program(Os(Rc::clone(&desk)));
        Process { future, desk, waits: Waits::No, requests: VecDeque::new(), stopped: false }
    }

    pub fn take_request(&mut self, id: u64, request: Request) {
        self.requests.push_back((id, request));
    }

    /// The operation that it waited for is done.
    pub fn done(&mut self, result: Result<Done, Errno>) {
        if self.waits == Waits::Nfs {
            self.tell(Told::Nfs(result));
        }
    }

    pub fn descriptors(&self) -> u64 {
        self.desk.descriptors.get()
    }

    /// What it has written since it was asked last.
    pub fn lines(&mut self) -> Vec<String> {
        self.desk.lines.take()
    }

    /// When it wants to be woken (by the monotonic clock, ns).
    pub fn deadline(&self) -> Option<u64> {
        match self.waits {
            _ if self.stopped => None,
            Waits::Until(at) => Some(at),
            Waits::Request(until) => until,
            _ => None,
        }
    }

    fn tell(&mut self, told: Told) {
        self.desk.told.set(Some(told));
        self.waits = Waits::No;
    }

    /// Lets it run for as long as it waits for nothing; answers the operation that it asks for.
    pub fn run(&mut self, now: Now) -> Option<Op> {
        loop {
            if self.stopped {
                return None;
            }
            self.wake(now.monotonic);
            if self.waits != Waits::No {
                return None;
            }
            self.desk.now.set(now);
            let mut context = Context::from_waker(Waker::noop());
            if self.future.as_mut().poll(&mut context).is_ready() {
                self.waits = Waits::Ended;
                return None;
            }
            self.waits = match self.desk.asked.take() {
                Some(Asked::Nfs(op)) => {
                    self.waits = Waits::Nfs;
                    return Some(op);
                }
                Some(Asked::Sleep(until)) => Waits::Until(until),
                Some(Asked::Request(until)) => Waits::Request(until),
                None => Waits::Ended,
            };
        }
    }

    fn wake(&mut self, now: u64) {
        match self.waits {
            Waits::Until(at) if now >= at => self.tell(Told::Woken),
            Waits::Request(until) => {
                if let Some(request) = self.requests.pop_front() {
                    self.tell(Told::Request(Some(request)));
                } else if until.is_some_and(|until| now >= until) {
                    self.tell(Told::Request(None));
                }
            }
            _ => {}
        }
    }
}
