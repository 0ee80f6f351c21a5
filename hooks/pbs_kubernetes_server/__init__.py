"""PBS hook for the server: hints for pbs-broker, and nobody poses as a pod's job.

* queuejob lets a job stand for a pod only with a token that pbs-broker has signed (proof of
  submission) or, at a site without, only when one of the configured users submits it. It
  writes what it has verified into the job's resource k8s_pod, which nobody else can set.
* modifyjob and movejob keep the owner of a pod's job from altering or moving it, but for
  pbs-broker, whose alterations are signed as its submissions are.
* queuejob and modifyjob refuse values that PBS would print or pass on as if they were
  somebody else's attributes.
* postqueuejob, modifyjob, movejob, runjob and jobobit tell pbs-broker at once to look at a
  pod's job. A hint is a hint: it waits for nothing, and a broker that is away, slow or full
  costs the job nothing.

This runs inside the server's one thread, so it loads little and never waits.
docs/hooks.md describes all of it; the settings stand in pbs_kubernetes.CF, the same file that
the hook for the execution hosts (pbs_kubernetes.PY) has. The keys do not: they stay here.
"""
