import type { VRMMeta } from '@pixiv/three-vrm';

/** What a file says about who may use it and how; null where it says nothing. */
export type CharacterLicence = {
  /** Title of the character. */
  readonly title: string | null;
  readonly authors: readonly string[] | null;
  /** Name of the licence as the file has it, as `CC0`. */
  readonly name: string | null;
  readonly url: string | null;
  /** Who may appear as this character. */
  readonly allowedUsers: 'everyone' | 'licensed' | 'author' | null;
  readonly credit: 'required' | 'unnecessary' | null;
  readonly modification: 'prohibited' | 'allowed' | 'allowed with redistribution' | null;
};

type Licence0 = NonNullable<Extract<VRMMeta, { metaVersion: '0' }>['licenseName']>;

const USERS = {
  Everyone: 'everyone',
  ExplicitlyLicensedPerson: 'licensed',
  OnlyAuthor: 'author',
  everyone: 'everyone',
  onlySeparatelyLicensedPerson: 'licensed',
  onlyAuthor: 'author',
} as const;

const MODIFICATION = {
  prohibited: 'prohibited',
  allowModification: 'allowed',
  allowModificationRedistribution: 'allowed with redistribution',
} as const;

/** VRM 0.x names a licence where VRM 1.0 spells out the terms. */
const TERMS_0: Partial<Record<Licence0, Pick<CharacterLicence, 'credit' | 'modification'>>> = {
  CC0: { credit: 'unnecessary', modification: 'allowed with redistribution' },
  CC_BY: { credit: 'required', modification: 'allowed with redistribution' },
  CC_BY_SA: { credit: 'required', modification: 'allowed with redistribution' },
  CC_BY_NC: { credit: 'required', modification: 'allowed with redistribution' },
  CC_BY_NC_SA: { credit: 'required', modification: 'allowed with redistribution' },
  CC_BY_ND: { credit: 'required', modification: 'prohibited' },
  CC_BY_NC_ND: { credit: 'required', modification: 'prohibited' },
};

/** The licence of a character from its VRM meta, or from `asset` of the glTF where it is no VRM. */
export function licenceOf(
  kind: 'vrm0' | 'vrm1' | 'glb',
  meta: VRMMeta,
  asset: { readonly copyright?: string | undefined; readonly extras?: unknown } | undefined,
): CharacterLicence {
  if (kind === 'glb') {
    // What Sketchfab writes into its downloads; others leave it out.
    const extras = (asset?.extras ?? {}) as Partial<Record<'title' | 'author' | 'license', unknown>>;
    const author = textOf(extras.author);
    const licence = textOf(extras.license) ?? textOf(asset?.copyright);
    return {
      title: textOf(extras.title),
      authors: author ? [author] : null,
      name: licence,
      url: licence?.match(/https?:\/\/[^\s)]+/)?.[0] ?? null,
      allowedUsers: null,
      credit: null,
      modification: null,
    };
  }
  if (meta.metaVersion === '0')
    return {
      title: textOf(meta.title),
      authors: meta.author ? [meta.author] : null,
      name: textOf(meta.licenseName),
      url:
        textOf(meta.otherLicenseUrl) ??
        (meta.licenseName === 'CC0' ? 'https://creativecommons.org/publicdomain/zero/1.0/' : null),
      allowedUsers: (meta.allowedUserName && USERS[meta.allowedUserName]) ?? null,
      ...((meta.licenseName && TERMS_0[meta.licenseName]) ?? { credit: null, modification: null }),
    };
  return {
    title: textOf(meta.name),
    authors: meta.authors?.length > 0 ? meta.authors : null,
    name: textOf(meta.copyrightInformation),
    url: textOf(meta.otherLicenseUrl) ?? textOf(meta.licenseUrl),
    allowedUsers: (meta.avatarPermission && USERS[meta.avatarPermission]) ?? null,
    credit: meta.creditNotation ?? null,
    modification: (meta.modification && MODIFICATION[meta.modification]) ?? null,
  };
}

const textOf = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
