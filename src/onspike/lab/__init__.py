"""The lab: learning in a child process, looked at and changed from a browser."""
