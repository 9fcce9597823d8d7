//! A kernel's command line. It holds nothing of the host, and nothing but its node tells one
//! kernel from another.

use crate::site::blueprint::NodeBlueprint;
use crate::site::clock::Clock;
use crate::site::node::slot::Slot;

/// What a kernel is started with.
pub struct Arguments {
    pub line: Vec<String>,
    /// The socket of the virtual clock, and one for each device.
    pub time: Option<String>,
    pub devices: Vec<String>,
}

pub fn arguments(node: &NodeBlueprint, clock: Clock, slots: &[Slot]) -> Arguments {
    let name = &node.name;
    let mut line = vec![
        format!("mem={}M", node.memory_mib),
        "initrd=initrd".into(),
        format!("umid={name}"),
        "uml_dir=uml/".into(),
        "norandmaps".into(),
        "con=null".into(),
        "con0=null,fd:1".into(),
        "console=tty0".into(),
        "loglevel=6".into(),
        "panic=-1".into(),
        // No completion interrupts for transmitted frames: nothing waits for them.
        "virtio_net.napi_tx=0".into(),
    ];
    let time = match clock {
        Clock::Virtual => {
            let socket = format!("{name}.time");
            line.push(format!("time-travel=ext:1:{socket}"));
            Some(socket)
        }
        Clock::Real => None,
    };
    let devices = slots.iter().map(|slot| {
        let (kind, id) = device_type(*slot);
        let socket = format!("{name}.{kind}");
        line.push(format!("virtio_uml.device={socket}:{id}"));
        socket
    });
    let devices = devices.collect();
    Arguments { line, time, devices }
}

/// The socket's name and the virtio device type (virtio 1.2, section 5).
fn device_type(slot: Slot) -> (&'static str, u32) {
    match slot {
        Slot::Root => ("root", 2),
        Slot::Net => ("net", 1),
        Slot::Control => ("control", 3),
        Slot::Disk => ("disk", 2),
        Slot::Supplement => ("supplement", 2),
    }
}
