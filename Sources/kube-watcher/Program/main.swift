import kube_watcher

Program.main()
