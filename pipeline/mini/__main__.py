"""`python -m pipeline.mini SUBSET`: an archive of the mini corpus, to standard output."""

from pipeline.mini.corpus import main

if __name__ == "__main__":
    main()
