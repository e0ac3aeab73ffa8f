"""The same equations and input in Brian2 (Stimberg, Brette & Goodman 2019, doi:10.7554/eLife.47314)."""
