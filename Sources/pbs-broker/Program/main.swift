import pbs_broker

Program.main()
