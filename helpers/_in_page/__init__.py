"""Python in a web page: what is done where there are no threads, and what stands in for packages without a build."""
