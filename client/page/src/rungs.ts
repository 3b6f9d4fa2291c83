/** What the rungs of the ladder are called. */
export const RUNGS: Record<string, string> = {
  fresh: 'New this week',
  following: 'From creators you follow',
  trending: 'Popular now',
  repeat: 'Seen before',
  recycled: 'Seen before: nothing new is left',
  explore: 'Something different',
};
