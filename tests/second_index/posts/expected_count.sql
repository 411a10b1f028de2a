-- Index posts: about how many documents there will be. Reads: post. Writes: nothing.

SELECT count(*) AS documents FROM post;
