"""PBS hook for execution hosts that also run a kubelet.

PBS and Kubernetes share the host; this hook keeps the two accounts of it equal:

* a native job's share of this host is reserved in Kubernetes by a static pod,
* a pod's job that ends takes its pod with it,
* a pod's job shows in PBS what its pod really used,
* a pod's job that PBS suspends has its pod frozen.

"A pod's job" is one that pbs-broker submitted for a pod: its resource k8s_pod, which only
the server's hook can set, names the pod; or, at a site without proof of submission, its
environment does (KUBERNETES_POD_UID, _NAME, _NAMESPACE) and its owner is one of the
configured users. Every other job is native. Before anything is done to a pod, the pod has to
name the job as well.

PBS runs this file once for each event, in a process of its own (pbs_python). It keeps
no state but what each pod was seen to use: what is to be done follows from the event, the job
files of MoM, the manifest directory, the cgroup tree and the Kubernetes API. Kubernetes being away never keeps a
job from running or ending, unless `strict` is set: what fails is logged, the event is
accepted, and the next exechost_periodic event makes up for it.

docs/hooks.md describes the events and every setting of pbs_kubernetes.CF.
"""
