"""What servers written in Java need: their jars, and a Java to run them."""
