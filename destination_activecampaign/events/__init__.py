"""Events and page visits, which go to the host of tracking."""
