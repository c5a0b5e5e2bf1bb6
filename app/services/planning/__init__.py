"""What planning says before anything is saved: how full slots will be, what collides, what is better."""
