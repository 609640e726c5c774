"""RPC between roles, on rpyc: values only, both sides authenticated, providers found through the registry."""
