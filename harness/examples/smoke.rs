use lockstorm::site::blueprint::*;
use lockstorm::site::*;
use lockstorm::units::*;
use lockstorm_agent::*;
use std::path::Path;
use std::time::{Duration, Instant};
fn main() {
    let early = std::fs::read_to_string("/tmp/lockstorm-early.txt").unwrap();
    let get =
        |k: &str| early.lines().find_map(|l| l.strip_prefix(&format!("{k}="))).unwrap().to_owned();
    let n: usize = std::env::args().nth(1).map(|a| a.parse().unwrap()).unwrap_or(3);
    let lat = Nanos(100_000);
    let nodes = (0..=n)
        .map(|i| NodeBlueprint {
            name: if i == 0 { "server".into() } else { format!("c{i}") },
            role: if i == 0 { Role::Server } else { Role::Client },
            mac: format!("02:00:00:00:00:{:02x}", i + 1),
            ip: [10, 0, 0, i as u8 + 1].into(),
            seed: i as u64 + 7,
            memory_mib: 128,
        })
        .collect();
    let bp = Blueprint {
        wall_start_s: 1767225600,
        wire: WireBlueprint { latency: NanosRange { least: lat, most: lat }, seed: 1 },
        disk: DiskBlueprint { size_mib: 64, latency: Nanos(50_000), flush: Nanos(250_000) },
        server: ServerBlueprint { lease_s: 30, grace_s: 30, threads: 4 },
        mount: MountBlueprint { version: "4.2".into(), options: vec![] },
        nodes,
    };
    std::fs::create_dir_all("/tmp/smoke").unwrap();
    let (k, pr, im) = (get("kernel"), get("preload"), get("image"));
    let p = Provisions {
        kernel: Path::new(&k),
        preload: Path::new(&pr),
        image: Path::new(&im),
        artefacts: Path::new("/tmp/smoke"),
        patience: Duration::from_secs(20),
        interrupted: &|| false,
    };
    let t = Instant::now();
    let mut site = Site::new(&bp, p).unwrap();
    for i in 0..=n {
        site.power_on(i).unwrap();
        println!("on {i} {:?}", t.elapsed());
    }
    let mut mounted = 0;
    loop {
        let h = site.next().unwrap();
        let now = site.now();
        println!("{:>12.6} {:?} {:?}", now as f64 / 1e9, t.elapsed(), h);
        match h {
            Happening::Message { node, message: Message::Hello } => {
                let b = &bp.nodes[node];
                site.send(
                    node,
                    Command::Configure {
                        hostname: b.name.clone(),
                        address: format!("{}/24", b.ip),
                    },
                );
            }
            Happening::Message { node: 0, message: Message::Done { id: 1, .. } } => {
                site.send(0, Command::Serve { lease_s: 30, grace_s: 30, threads: 4 });
            }
            Happening::Message { node: 0, message: Message::Done { id: 2, .. } } => {
                for i in 1..=n {
                    site.send(
                        i,
                        Command::Mount {
                            options: format!(
                                "vers=4.2,sec=sys,addr=10.0.0.1,clientaddr={}",
                                bp.nodes[i].ip
                            ),
                        },
                    );
                }
            }
            Happening::Message {
                message: Message::Done { outcome: Outcome::Mounted { .. }, .. },
                ..
            } => {
                mounted += 1;
                if mounted == n {
                    println!("MOUNTED {:?} {:?}", t.elapsed(), site.statistics());
                    let t2 = Instant::now();
                    site.set_timer(now + 2_000 * SECOND, 9);
                    loop {
                        let h = site.next().unwrap();
                        if h == Happening::Timer(9) {
                            break;
                        }
                        println!("{h:?}");
                    }
                    println!(
                        "idle 2000 s in {:?} = {:.0} x, {:?}",
                        t2.elapsed(),
                        2000.0 / t2.elapsed().as_secs_f64(),
                        site.statistics()
                    );
                    break;
                }
            }
            Happening::Idle | Happening::Died { .. } => break,
            _ => {}
        }
    }
}
