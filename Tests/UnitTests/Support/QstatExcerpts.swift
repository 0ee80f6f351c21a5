import FoundationEssentials

/// Output of `qstat -f -w` of OpenPBS 23.06.06, in short: what the recordings hold in full.
enum QstatExcerpts {
  static let running = Data(
    """
    Job Id: 2.pbsserver
        Job_Name = redis
        Job_Owner = alice@pbsserver
        resources_used.ncpus = 1
        job_state = R
        queue = workq
        exec_host = node1/1
        exec_vnode = (node1:ncpus=1:mem=655360kb)
        Hold_Types = n
        Output_Path = pbsserver:/dev/null
        Resource_List.select = 1:ncpus=1:mem=640mb
        substate = 42
        Variable_List = PBS_O_HOME=/home/alice,PBS_O_INTERACTIVE_ENCRYPT_METHOD=,PBS_O_WORKDIR=/home/alice,KUBERNETES_POD_UID=7f1c9a52-0c5e-4a0e-9a37-0f3a2c1b5d11,KUBERNETES_POD_NAME=redis,KUBERNETES_POD_NAMESPACE=default,PBS_O_QUEUE=workq,PBS_O_HOST=pbsserver
        comment = Job run at Tue Nov 24 at 03:34 on (node1:ncpus=1:mem=655360kb)
        run_count = 1
        Submit_arguments = -r n -N redis -l select=1:ncpus=1:mem=640mb -l walltime=01:00:00 -- /bin/sleep infinity
        project = _pbs_project_default
        run_version = 1
        Submit_Host = pbsserver


    """.utf8)

  static let finished = Data(
    """
    Job Id: 3.pbsserver
        Job_Name = redis
        Job_Owner = alice@pbsserver
        job_state = F
        exec_host = node1/1
        substate = 91
        Variable_List = PBS_O_HOME=/home/alice,KUBERNETES_POD_UID=7f1c9a52-0c5e-4a0e-9a37-0f3a2c1b5d11,KUBERNETES_POD_NAME=redis,KUBERNETES_POD_NAMESPACE=default
        comment = Job run at Tue Nov 24 at 03:34 on (node1:ncpus=1:mem=655360kb) and terminated by root@pbsserver
        run_count = 1
        Exit_status = 271


    """.utf8)
}
