import binder

Program.main()
