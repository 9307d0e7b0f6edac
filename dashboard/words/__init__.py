"""What the screens say in whole sentences; a file of a page's name holds the page's."""
