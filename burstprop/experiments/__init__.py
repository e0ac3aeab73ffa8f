"""What can be reproduced: the ready-built circuits, the comparison of rules, and files of the user's own."""
