"""Results for people: claims, figures, and one page to mail to a colleague."""
