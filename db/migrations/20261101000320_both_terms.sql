BEGIN;

-- The first file refuses a database that it does not understand. This line then stops this file, too.
DO $$ BEGIN PERFORM 'vroom_private.assert_viewer(uuid)'::regprocedure; END $$;

-- A post without tags takes part in taste by its terms, which are words of its caption. post_tags holds tags and
-- terms alike, in the form that `folded` gives them, so that they are one vocabulary. This file chooses the terms of a
-- caption. docs/adr/0015 explains the choice.

-- Return a text in the compatibility form of Unicode, without the characters that have no width.
CREATE OR REPLACE FUNCTION vroom_private.plain_form(content text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN CASE WHEN getdatabaseencoding() = 'UTF8' THEN regexp_replace(
    normalize(content, NFKC),
    '[\u00AD\u0640\u180B-\u180E\u200B-\u200F\u202A-\u202E\u2060-\u2064\uFE00-\uFE0F\uFEFF]', '', 'g')
  ELSE content END;
END
$$;

-- Return the form in which tags and terms are compared: in lower case, without `#` before it, at most 100 characters.
CREATE OR REPLACE FUNCTION vroom_private.folded(content text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN left(ltrim(lower(CASE WHEN octet_length(content) = char_length(content) THEN content
                             ELSE vroom_private.plain_form(content) END), '#'), 100);

-- Return whether a post bears no tag, so that terms of its caption take the place of tags.
CREATE OR REPLACE FUNCTION vroom_private.is_untagged(tags text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN cardinality(array_remove(array_remove(tags, NULL), '')) = 0;

-- Return what separates words, as the inside of a regular expression's brackets: everything but letters, marks,
-- digits, `_` and `#`. The characters are listed, because classes such as [:alpha:] differ with the locale.
CREATE OR REPLACE FUNCTION vroom_private.word_separators() RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '\x01-\x22\x24-\x2F\x3A-\x40\x5B-\x5E\x60\x7B-\xA9\xAB-\xB4\xB6\xB8\xB9\xBB-\xBF\xD7\xF7'
  '\u055A-\u055F\u0589\u05BE\u05C0\u05C3\u05F3\u05F4\u060C\u061B\u061F\u066A-\u066D\u06D4\u0964\u0965'
  '\u0E5A\u0E5B\u0F04-\u0F14\u104A-\u104F\u1361-\u1368\u17D4-\u17D6\u17D8-\u17DA\u2000-\u206F\u20A0-\u20CF'
  '\u2100-\u2131\u2133-\u214D\u214F-\u2182\u2185-\u2BFF\u2E00-\u2E2E\u2E30-\u2E7F\u3000-\u3004\u3007-\u3029\u3030'
  '\u303D-\u303F\u30FB\uE000-\uF8FF\uFE10-\uFE1F\uFE30-\uFE6F'
  '\uFF00-\uFF0F\uFF1A-\uFF20\uFF3B-\uFF40\uFF5B-\uFF65\uFFF0-\uFFFF\U0001F000-\U0001FAFF\U000E0000-\U000E007F';

-- Return the hashtags of a caption, and its words in their order. Only the first 2,200 characters are read, and only
-- 600 for words. Links, addresses and mentions are left out. Chinese is written without spaces, so each two
-- neighbouring characters make a word, and each four in Thai, Lao, Khmer and Burmese (kind `part`). In Japanese a run
-- of Katakana is a word, and Hiragana is left out, because most of it is grammar.
CREATE OR REPLACE FUNCTION vroom_private.caption_words(caption text)
RETURNS TABLE (word text, kind text, place bigint)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  v_between text := vroom_private.word_separators();
  v_han     text := '\u3005\u3400-\u9FFF\uF900-\uFAFF\U00020000-\U0003FFFF';
  v_mekong  text := '\u0E00-\u0EFF\u1000-\u109F\u1780-\u17FF';
  v_text    text;
BEGIN
  IF getdatabaseencoding() <> 'UTF8' THEN
    RETURN;
  END IF;
  v_text := left(' ' || lower(vroom_private.plain_form(left(caption, 2200))), 4400);
  v_text := regexp_replace(v_text, '[a-z]{2,10}://\S*|\sw{3}\.\S*|\s[a-z0-9-]+\.[a-z0-9.-]*/\S*', ' ', 'g');
  v_text := regexp_replace(v_text, '[a-z0-9._+-]*@[^\s@#,;:!?()"]*', ' ', 'g');
  RETURN QUERY
  SELECT h.found[1], 'hashtag', h.ord
  FROM regexp_matches(v_text, '#([^#' || v_between || ']{2,64})', 'g') WITH ORDINALITY AS h(found, ord)
  WHERE h.found[1] ~ '[^0-9_]'
  ORDER BY h.ord LIMIT 40;
  RETURN QUERY
  SELECT substr(r.run, p.place, coalesce(r.size, 30)), CASE WHEN r.size IS NULL THEN 'word' ELSE 'part' END,
         100 * r.ord + p.place
  FROM (
    SELECT coalesce(m.found[1], m.found[2], m.found[3], m.found[4]) AS run, m.ord,
           CASE WHEN m.found[2] IS NOT NULL THEN 2 WHEN m.found[3] IS NOT NULL THEN 4 END AS size
    FROM regexp_matches(
      left(regexp_replace(v_text, '#[^#' || v_between || ']*', ' ', 'g'), 600),
      '([\u30A0-\u30FA\u30FC-\u30FF]+)|([' || v_han || ']+)|([' || v_mekong || ']+)|([^#\u3041-\u30FF'
      || v_han || v_mekong || v_between || ']+)', 'g') WITH ORDINALITY AS m(found, ord)
    ORDER BY m.ord LIMIT 100
  ) r
  CROSS JOIN LATERAL generate_series(1, least(60, greatest(1, char_length(r.run) - r.size + 1))) AS p(place)
  -- a word that is too long says nothing, and neither does a number
  WHERE r.size IS NOT NULL OR char_length(r.run) <= 30 AND r.run ~ '[^0-9_]';
END
$$;

-- Return what may become the terms of a caption: its hashtags first, then its words, each once, 24 at most.
--
-- Words that a language uses everywhere say nothing. Postgres's dictionaries know those of fifteen languages. A word
-- is left out where the caption is written in its language, as far as such words tell: `dog` is one of them in Danish,
-- and means something in English. English counts always, because all mix it in. Parts of words come in the order of
-- their hash, so that two captions that share a word tend to have the same ones chosen.
CREATE OR REPLACE FUNCTION vroom_private.possible_terms(caption text)
RETURNS TABLE (term text, is_hashtag boolean, place bigint)
LANGUAGE sql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
  WITH words AS MATERIALIZED (
    SELECT DISTINCT ON (w.word) w.word, w.kind, w.place
    FROM vroom_private.caption_words(possible_terms.caption) AS w ORDER BY w.word, w.kind, w.place
  ),
  everywhere AS MATERIALIZED (
    SELECT w.word, d.language
    FROM words w
    CROSS JOIN unnest(ARRAY[
      'english_stem', 'danish_stem', 'dutch_stem', 'finnish_stem', 'french_stem', 'german_stem', 'hungarian_stem',
      'italian_stem', 'nepali_stem', 'norwegian_stem', 'portuguese_stem', 'russian_stem', 'spanish_stem',
      'swedish_stem', 'turkish_stem']::regdictionary[]) WITH ORDINALITY AS d(dictionary, language)
    WHERE w.kind = 'word' AND ts_lexize(d.dictionary, w.word) = '{}'
  ),
  languages AS (SELECT e.language, count(*) AS words FROM everywhere e GROUP BY e.language)
  SELECT w.word, w.kind = 'hashtag',
         row_number() OVER (
           ORDER BY w.kind <> 'hashtag', w.kind = 'part', CASE w.kind WHEN 'part' THEN md5(w.word) END, w.place)
  FROM words w
  WHERE char_length(w.word) >= 2 AND octet_length(w.word) >= 3
    AND w.word NOT IN (
      SELECT e.word FROM everywhere e JOIN languages l USING (language)
      WHERE e.language = 1 OR l.words >= 2 AND 3 * l.words > 2 * (SELECT max(m.words) FROM languages m))
  ORDER BY 3 LIMIT 24
$$;

-- Return the terms of a post, six at most: of those that its caption may have, hashtags first, then words that other
-- posts bear, too. A word that a quarter of the 200 hottest posts bear says nothing, so it is left out.
CREATE OR REPLACE FUNCTION vroom_private.terms_of(post uuid, caption text) RETURNS text[]
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, public, pg_temp
AS $$
DECLARE
  v_hottest double precision := (
    SELECT s.hot_score FROM post_stats s WHERE s.eligible
    ORDER BY s.hot_step DESC, s.post_id OFFSET 199 LIMIT 1);
BEGIN
  RETURN ARRAY(
    SELECT p.term
    FROM vroom_private.possible_terms(caption) AS p
    CROSS JOIN LATERAL (
      -- The order keeps the planner from hoping to meet an unknown word soon if it reads the whole table.
      SELECT (SELECT true FROM post_tags t WHERE t.tag = p.term AND t.post_id <> post
              ORDER BY t.hot_score DESC, t.post_id LIMIT 1) AS is_known,
             (SELECT t.hot_score FROM post_tags t WHERE t.tag = p.term
              ORDER BY t.hot_score DESC, t.post_id OFFSET 49 LIMIT 1) AS fiftieth
    ) k
    WHERE (k.fiftieth >= v_hottest) IS NOT TRUE
    ORDER BY p.is_hashtag DESC, k.is_known NULLS LAST, p.place
    LIMIT 6);
END
$$;

DO $$
DECLARE
  f text;
BEGIN
  FOREACH f IN ARRAY ARRAY[
    'plain_form(text)', 'folded(text)', 'is_untagged(text[])', 'word_separators()', 'caption_words(text)',
    'possible_terms(text)', 'terms_of(uuid, text)'
  ] LOOP
    PERFORM vroom_private.open_only_to(('vroom_private.' || f)::regprocedure, NULL);
  END LOOP;
END $$;

COMMIT;
