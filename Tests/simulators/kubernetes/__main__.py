"""Runs the simulator by itself: python3 -m simulators.kubernetes --port 0 --kubeconfig FILE --nodes node1,node2"""

from __future__ import annotations

import argparse
import signal
import threading

from .kubelet import Kubelet
from .release import RELEASES
from .simulator import KubernetesSimulator


def main() -> None:
    parser = argparse.ArgumentParser(prog="simulators.kubernetes", description="A Kubernetes API server for tests.")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one (default)")
    parser.add_argument("--kubeconfig", metavar="FILE", help="write a kubeconfig for this server there")
    parser.add_argument("--tls", action="store_true", help="serve HTTPS")
    parser.add_argument("--nodes", default="", metavar="NAME,...", help="create these nodes, Ready")
    parser.add_argument("--cpu", default="2", help="cpu of each node (default 2)")
    parser.add_argument("--memory", default="24684096Ki", help="memory of each node (default 24684096Ki)")
    parser.add_argument("--kubelet", action="store_true", help="bound pods run")
    parser.add_argument("--version", choices=sorted(RELEASES), default="1.36", help="whose answers to give")
    arguments = parser.parse_args()

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    simulator = KubernetesSimulator(version=arguments.version, tls=arguments.tls, port=arguments.port,
                                    kubelet=Kubelet() if arguments.kubelet else None)
    for name in filter(None, arguments.nodes.split(",")):
        simulator.create_node(name, cpu=arguments.cpu, memory=arguments.memory)
    simulator.start()
    if arguments.kubeconfig:
        simulator.write_kubeconfig(arguments.kubeconfig)
    print(f"ready {simulator.url}", flush=True)
    ended.wait()
    simulator.stop()


if __name__ == "__main__":
    main()
