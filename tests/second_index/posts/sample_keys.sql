-- Index posts: some posts, chosen by a seed. Reads: post. Writes: nothing. Parameters: seed, size.

SELECT post.id
FROM post
ORDER BY hashint8extended(post.id, hashtextextended(%(seed)s, 0))
LIMIT %(size)s;
