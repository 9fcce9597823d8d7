//! Mount options, told once for all clients that have the same.

use crate::Mount;

/// Options that are a client's own by their nature: its address.
const OWN: [&str; 1] = ["clientaddr="];

/// Mount options that clients have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    pub options: String,
    pub clients: Vec<String>,
}

/// Each set of options once, with all clients that have it. What is a client's own by its nature
/// is left out where that makes two of them the same.
pub fn once(mounts: &[Mount]) -> Vec<Common> {
    let mut all: Vec<(Common, &str)> = Vec::new();
    for mount in mounts {
        let options = without_own(&mount.options);
        match all.iter_mut().find(|(one, _)| one.options == options) {
            Some((one, _)) => one.clients.extend(mount.clients.iter().cloned()),
            None => all.push((Common { options, clients: mount.clients.clone() }, &mount.options)),
        }
    }
    let whole = |(mut one, options): (Common, &str)| {
        if one.clients.len() < 2 {
            one.options = options.to_owned();
        }
        one.clients.sort();
        one
    };
    all.into_iter().map(whole).collect()
}

fn without_own(options: &str) -> String {
    let is_own = |option: &str| OWN.iter().any(|own| option.starts_with(own));
    let rest: Vec<&str> = options.split(',').filter(|option| !is_own(option)).collect();
    rest.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(options: &str, clients: &[&str]) -> Mount {
        let clients = clients.iter().map(|client| (*client).to_owned());
        Mount { options: options.into(), clients: clients.collect() }
    }

    #[test]
    fn clients_that_differ_in_their_address_alone_are_told_once() {
        let told = once(&[
            mount("rw,clientaddr=10.0.0.2,addr=10.0.0.1", &["c1"]),
            mount("ro,clientaddr=10.0.0.3,addr=10.0.0.1", &["c2"]),
            mount("rw,clientaddr=10.0.0.4,addr=10.0.0.1", &["c3"]),
        ]);
        let words: Vec<(&str, String)> =
            told.iter().map(|one| (one.options.as_str(), one.clients.join(" "))).collect();
        assert_eq!(
            words,
            [
                ("rw,addr=10.0.0.1", "c1 c3".to_owned()),
                ("ro,clientaddr=10.0.0.3,addr=10.0.0.1", "c2".to_owned()),
            ]
        );
    }
}
