"""What of /proc and /sys tells of the host's kernel and hardware, and is hidden in every sandbox."""

from __future__ import annotations

PROC_FILES = (
    "buddyinfo",
    "cmdline",
    "config.gz",
    "consoles",
    "crypto",
    "devices",
    "diskstats",
    "dma",
    "execdomains",
    "fb",
    "interrupts",
    "iomem",
    "ioports",
    "kallsyms",
    "kcore",
    "key-users",
    "keys",
    "kmsg",
    "kpagecgroup",
    "kpagecount",
    "kpageflags",
    "latency_stats",
    "misc",
    "modules",
    "pagetypeinfo",
    "partitions",
    "sched_debug",
    "schedstat",
    "slabinfo",
    "softirqs",
    "swaps",
    "sysrq-trigger",
    "timer_list",
    "timer_stats",
    "vmallocinfo",
    "vmstat",
    "zoneinfo",
)
PROC_FOLDERS = ("acpi", "asound", "bus", "driver", "fs", "irq", "pressure", "scsi", "tty")
"""Files and folders right below /proc. What a runtime reads stays: cpuinfo, meminfo, stat, loadavg, uptime, sys."""

SYS = (
    "block",
    "bus",
    "class",
    "dev",
    "devices/pci0000:00",
    "devices/virtual",
    "firmware",
    "hypervisor",
    "kernel",
    "module",
    "power",
)
"""Below /sys, which a bubblewrap sandbox does not have at all."""
