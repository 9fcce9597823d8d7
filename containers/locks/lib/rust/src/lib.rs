//! The adapter protocol, for locks that are driven from Rust (see ../../README.md).
//!
//! An adapter implements [`Adapter`] for its lock and calls [`serve`].

use nix::errno::Errno;
use serde_json::{Value, json};
use std::error::Error;
use std::io::{self, BufRead, Write};
use std::time::{Duration, Instant};

/// What a lock answers when nothing failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Ok,
    Busy,
    Timeout,
    NotHeld,
    Unsupported,
}

/// An error leaves open what happened.
pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// One lock, one holder.
pub trait Adapter {
    /// Takes the lock. Without a timeout it waits for ever; zero does not wait.
    fn acquire(&mut self, timeout: Option<Duration>) -> Result<Answer>;

    fn release(&mut self) -> Result<Answer>;

    fn refresh(&mut self, _lifetime: Duration) -> Result<Answer> {
        Ok(Answer::Unsupported)
    }

    /// What the library says, never a look at the file system of our own.
    fn is_held(&mut self) -> Result<bool>;
}

/// The lock's path on the mount.
pub fn path() -> String {
    std::env::var("LOCKSTORM_PATH").unwrap_or_default()
}

/// An option that is a number of seconds.
pub fn seconds(option: &str, standard: Duration) -> Duration {
    std::env::var("LOCKSTORM_OPTIONS")
        .ok()
        .and_then(|text| serde_json::from_str::<Value>(&text).ok())
        .and_then(|options| options[option].as_f64())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(standard)
}

/// The version of a crate in the text of a Cargo.lock.
pub fn version_in(cargo_lock: &str, crate_name: &str) -> String {
    let name = format!("name = \"{crate_name}\"");
    let mut lines = cargo_lock.lines().skip_while(|line| *line != name);
    let version = lines.nth(1).and_then(|line| line.strip_prefix("version = \""));
    version.and_then(|rest| rest.strip_suffix('"')).unwrap_or("unknown").to_owned()
}

/// For libraries that only try or wait for ever: tries until the time is up. `attempt` says
/// whether it got the lock.
pub fn poll(
    timeout: Duration,
    pause: Duration,
    mut attempt: impl FnMut() -> Result<bool>,
) -> Result<Answer> {
    let begun = Instant::now();
    while !attempt()? {
        if timeout.is_zero() {
            return Ok(Answer::Busy);
        }
        if begun.elapsed() >= timeout {
            return Ok(Answer::Timeout);
        }
        std::thread::sleep(pause);
    }
    Ok(Answer::Ok)
}

/// Says that the adapter is ready, then answers requests until quit or end of input.
pub fn serve(library: &str, version: &str, mut adapter: impl Adapter) -> io::Result<()> {
    say(&json!({"ready": {"library": library, "version": version}}))?;
    for line in io::stdin().lock().split(b'\n') {
        let request: Value = serde_json::from_slice(&line?).unwrap_or_default();
        let mut said = match request["op"].as_str() {
            Some("quit") => json!({"answer": "ok"}),
            operation => answer(&mut adapter, operation.unwrap_or_default(), &request)
                .unwrap_or_else(|error| describe(error.as_ref())),
        };
        said["id"] = request["id"].clone();
        say(&said)?;
        if request["op"] == "quit" {
            break;
        }
    }
    Ok(())
}

fn answer(adapter: &mut impl Adapter, operation: &str, request: &Value) -> Result<Value> {
    if !request["id"].is_u64() {
        return Err("a request without a number".into());
    }
    let time = |key: &str| -> Result<Duration> {
        let seconds = request[key].as_f64().ok_or_else(|| format!("no number in `{key}`"))?;
        Ok(Duration::try_from_secs_f64(seconds)?)
    };
    let answer = match operation {
        "acquire" if request["timeout"].is_null() => adapter.acquire(None)?,
        "acquire" => adapter.acquire(Some(time("timeout")?))?,
        "release" => adapter.release()?,
        "refresh" => adapter.refresh(time("lifetime")?)?,
        "is_held" => return Ok(json!({"answer": "ok", "held": adapter.is_held()?})),
        _ => return Err(format!("unknown op {operation:?}").into()),
    };
    let word = match answer {
        Answer::Ok => "ok",
        Answer::Busy => "busy",
        Answer::Timeout => "timeout",
        Answer::NotHeld => "not_held",
        Answer::Unsupported => "unsupported",
    };
    Ok(json!({"answer": word}))
}

fn describe(error: &(dyn Error + 'static)) -> Value {
    let mut said = json!({"answer": "error", "class": "Error", "message": error.to_string()});
    if let Some(error) = error.downcast_ref::<io::Error>() {
        said["class"] = format!("io::ErrorKind::{:?}", error.kind()).into();
        if let Some(number) = error.raw_os_error() {
            said["errno"] = format!("{:?}", Errno::from_raw(number)).into();
        }
    }
    said
}

fn say(message: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{message}")?;
    out.flush()
}
