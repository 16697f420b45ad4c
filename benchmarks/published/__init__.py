"""Published faults, built anew from their descriptions: each a training that does not learn, and its twin that does.

`facts.yaml` says of each fault where it was published, what the published truth is, what five
published tools said, which script of `trainings/` is it, and which cause gradcheck ought to name.
"""
