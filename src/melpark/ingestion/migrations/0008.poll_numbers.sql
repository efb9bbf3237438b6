-- The loader draws the number of a poll before its work, so that what is logged meanwhile carries it. May run twice.
GRANT USAGE ON SEQUENCE parking.polls_poll_id_seq TO melpark_loader;
