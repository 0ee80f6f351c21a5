"""python3 -m simulators.pbs --directory DIR --hosts node1,node2: the simulator as a process of its own."""

from __future__ import annotations

import argparse
import signal

from .simulator import PBSSimulator


def main() -> None:
    """Serves until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="simulators.pbs", description=__doc__)
    parser.add_argument("--directory", required=True, help="becomes PBS_EXEC: commands in bin/, socket, saved jobs")
    parser.add_argument("--hosts", default="node1,node2", help="names of the execution hosts, separated by commas")
    parser.add_argument("--ncpus", type=int, default=2, help="cpus of each host")
    parser.add_argument("--mem", default="24684096kb", help="memory of each host, a PBS size")
    parser.add_argument("--user", default="root", help="the PBS manager")
    parser.add_argument("--start-delay", type=float, default=0.0, help="seconds from substate 41 to 42")
    parser.add_argument("--server-name", default="pbsserver")
    parser.add_argument("--no-history", action="store_true", help="finished jobs are unknown at once")
    parser.add_argument("--libpbs", action="store_true", help="with the library, as lib/libpbs.so")
    arguments = parser.parse_args()
    # Blocked before any thread exists, so that sigwait() below gets it.
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    simulator = PBSSimulator(
        arguments.directory,
        {name: {"ncpus": arguments.ncpus, "mem": arguments.mem} for name in arguments.hosts.split(",")},
        user=arguments.user, start_delay=arguments.start_delay, server_name=arguments.server_name,
        history=not arguments.no_history, libpbs=arguments.libpbs)
    simulator.start()
    print(f"ready {arguments.directory}", flush=True)
    signal.sigwait(signals)
    simulator.stop()


if __name__ == "__main__":
    main()
