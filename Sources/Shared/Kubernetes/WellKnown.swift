/// Every name that the connector gives a meaning to in Kubernetes and in PBS.
public enum WellKnown {
  /// The scheduler name that pods ask for by default.
  public static let schedulerName = "pbs"

  /// On a bound pod: the PBS job that holds its resources. Its end is the pod's end.
  public static let jobID = "pbs-connector/job-id"

  /// On a bound pod: the job's run_count at the time of binding. A job that PBS starts
  /// again has another one, and is no longer the run that the pod belongs to.
  public static let runCount = "pbs-connector/run-count"

  /// On a bound pod: the devices that PBS gave to its job, as "GPU-5a2b...,GPU-9c1d...", for the
  /// variable of a container that says which to use.
  public static let devices = "pbs-connector/devices"

  /// On a bound pod: what PBS gave to its job, in PBS's own words ("(node1:ncpus=2:mem=1gb)").
  public static let execVnode = "pbs-connector/exec-vnode"

  /// On a pod that waits: when PBS estimates that its job starts (RFC 3339), where the site has that
  /// computed.
  public static let estimatedStart = "pbs-connector/estimated-start"

  /// On a static pod that stands for a native job: the label by which they are found, the job's
  /// id in full, what it holds on that host, and the scheduler name that keeps every scheduler
  /// away. Written by the PBS hooks.
  public static let nativeJob = "pbs-connector/native-job"
  public static let nativeJobID = "pbs-connector/native-job-id"
  public static let nativeJobHolds = "pbs-connector/native-job-holds"
  public static let nativeSchedulerName = "pbs-native-job"

  /// The source of our Events, and the name in their reports.
  public static let component = "pbs-connector"

  /// In a pod's job: the pod that it stands for.
  public static let podUID = "KUBERNETES_POD_UID"
  public static let podName = "KUBERNETES_POD_NAME"
  public static let podNamespace = "KUBERNETES_POD_NAMESPACE"

  /// In a pod's job: whose it is. The cluster's identity, and the pod's scheduler name.
  public static let cluster = "KUBERNETES_CLUSTER"
  public static let podScheduler = "KUBERNETES_POD_SCHEDULER"

  /// In a pod's job: what was asked of PBS for it, so that later changes of the pod can be told from
  /// those of PBS's side.
  public static let jobTerms = "KUBERNETES_JOB_TERMS"

  /// The taint of a node whose host PBS calls offline or down. Its value says which.
  public static let offlineTaint = "pbs-connector/offline"

  /// In a pod's job: what PBS gave it on its host, as "cpus=0-3;gpus=GPU-1+GPU-2". The hook of the
  /// execution hosts writes it when the job begins (devices.py).
  public static let jobDevices = "KUBERNETES_DEVICES"

  /// On a volume claim of a late-binding class: the node for which its volume is to be provisioned. A
  /// scheduler sets it, and the provisioner takes it away when it cannot do that. (Kubernetes:
  /// component-helpers storage/volume, AnnSelectedNode.)
  public static let selectedNode = "volume.kubernetes.io/selected-node"

  /// The provisioner of classes whose volumes are made by hand. (As above, NotSupportedProvisioner.)
  public static let noProvisioner = "kubernetes.io/no-provisioner"

  /// A node's host name, the one label that a PBS select can ask for.
  public static let hostnameLabel = "kubernetes.io/hostname"
}
