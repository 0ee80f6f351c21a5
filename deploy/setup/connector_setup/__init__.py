"""What pbs-connector-setup is made of. Python 3.9 or newer, and its standard library alone."""
