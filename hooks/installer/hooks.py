"""The two hooks, and how the server is brought to have them."""
from typing import Dict, List, NamedTuple, Optional


class Hook(NamedTuple):
    """One hook: its name, and the attributes that qmgr sets."""
    name: str
    attributes: Dict[str, str]


# execjob_launch is handled too but not needed: execjob_begin comes earlier, and on every host.
# freq and alarm are in seconds.
HOST_HOOK = Hook("pbs_kubernetes", {
    "event": "execjob_begin,execjob_epilogue,execjob_end,execjob_abort,execjob_preterm,execjob_attach,"
             "execjob_postsuspend,execjob_preresume,exechost_startup,exechost_periodic",
    "freq": "30",
    "alarm": "30",
})
SERVER_HOOK = Hook("pbs_kubernetes_server", {
    "event": "queuejob,postqueuejob,modifyjob,movejob,runjob,jobobit",
    "alarm": "30",
    # Before hooks of the site that change what was signed.
    "order": "1",
})
HOOKS = [HOST_HOOK, SERVER_HOOK]


def installing(hook: Hook, present: Optional[Dict[str, str]], configuration: str,
               script: str) -> List[str]:
    """The directives that bring a hook to its present version; `present` are its attributes where
    it is installed already.

    It stays on while it is replaced, or events would be missed; the old script copes with a
    new configuration, which comes first. Only for another freq it is switched off:
    a freq that is set while the hook is on has the server run it as well, every so often,
    although it is for execution hosts, and go on when the hook is deleted, which crashes it
    (mgr_hook_set in OpenPBS 23.06.06).
    """
    differing = {name: value for name, value in hook.attributes.items()
                 if present is None or set(present.get(name, "").split(",")) != set(value.split(","))}
    directives = ["create hook %s" % hook.name] if present is None else []
    if present is None or "freq" in differing:
        directives.append("set hook %s enabled = false" % hook.name)
    if differing:
        directives += ['set hook %s %s = "%s"' % (hook.name, name, value) for name, value in differing.items()]
    directives += ["import hook %s application/x-config default %s" % (hook.name, configuration),
                   "import hook %s application/x-python default %s" % (hook.name, script)]
    return directives + ["set hook %s enabled = true" % hook.name]


def removing(hook: Hook) -> List[str]:
    """The directives that delete a hook. Somebody may have set freq while it was on: the server
    drops what it then runs by itself only for a hook that has its own periodic event."""
    directives = ["set hook %s enabled = false" % hook.name]
    if "freq" in hook.attributes:
        directives.append("set hook %s event += periodic" % hook.name)
    return directives + ["delete hook %s" % hook.name]
