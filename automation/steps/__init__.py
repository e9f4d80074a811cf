"""What a flow can do with a customer, one file each."""
