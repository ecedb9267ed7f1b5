"""Deployments rehearsed on this machine: GitHub's runner, and stand-ins for the hosts."""
