"""What a person may do; the web pages and the command line call these and write nothing themselves."""
