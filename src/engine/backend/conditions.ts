/** Emotion groups of InterAct and neutral, in the order of the face network's embedding. */
export const EMOTIONS = ['neutral', 'surprise', 'fear', 'social', 'self', 'positive', 'negative'] as const;

/** Action modes of InterAct, in the order of the body networks' embedding. */
export const ACTIONS = ['stand', 'walk', 'sit'] as const;

/** Groups of relationships of InterAct and none, in the order of the body networks' embedding. */
export const RELATIONSHIPS = ['none', 'family', 'friends', 'work', 'school', 'professional'] as const;
