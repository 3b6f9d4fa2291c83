/** What the codes of the API mean, in words for people. */

const REASONS: Record<string, string> = {
  exploration: 'It was picked for discovery.',
  seen_before: 'You have seen it before; there is little left that you have not.',
  followed_creator: 'You follow its creator.',
  similar_to_watched: 'People who finished what you finished went on to this.',
  liked_creator: 'You like what this creator makes.',
  liked_tags: 'You like some of its topics: ',
  liked_words: 'You like what its caption is about.',
  popular_right_now: 'Many people are watching it right now.',
  engagement: 'You are likely to watch it, by how it does and by what you watch.',
  freshness: 'It is new, or it is gaining attention.',
  context: 'It suits the time of day, your device and your connection.',
  diversity: 'It brings another creator than the videos around it.',
};

export function reason(code: string, tags: string[]): string {
  const words = REASONS[code] ?? code.replaceAll('_', ' ');
  return code === 'liked_tags' ? words + tags.map((tag) => `#${tag}`).join(' ') : words;
}

export const DEGRADED: Record<string, string> = {
  cache: 'The session cache does not answer: pages come from the database.',
  database: 'The database does not answer: pages come from what is cached.',
  inventory: 'There is too little left that you have not seen: some videos come again.',
  catalogue: 'There are fewer videos than a page holds.',
};
