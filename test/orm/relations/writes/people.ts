import {
  belongsTo,
  hasMany,
  hasOne,
  integer,
  manyToMany,
  table,
  text,
  timestamptz,
} from '../../../../orm/index.ts'

export class Person extends table('people', {
  id: integer().primaryKey().generated(),
  name: text(),
  bossId: integer()
    .nullable()
    .references(() => Person),
  boss: () => belongsTo(Person, 'bossId'),
  staff: () => hasMany(Person, 'bossId'),
  badge: () => hasOne(Badge, 'personId'),
  locker: () => hasOne(Locker, 'personId'),
  notes: () => hasMany(Note, 'personId'),
  clubs: () => manyToMany(Club, { through: Membership }),
  friends: () => manyToMany(Person, { through: Friendship, from: 'oneId', to: 'otherId' }),
  friendOf: () => manyToMany(Person, { through: Friendship, from: 'otherId', to: 'oneId' }),
}) {}

/** Its person may change or leave. */
export class Badge extends table('badges', {
  id: integer().primaryKey().generated(),
  code: text(),
  personId: integer()
    .nullable()
    .unique()
    .references(() => Person),
  person: () => belongsTo(Person, 'personId'),
}) {}

/** Its person is part of its key. */
export class Locker extends table('lockers', {
  personId: integer()
    .primaryKey()
    .references(() => Person),
  place: text(),
  person: () => belongsTo(Person, 'personId'),
}) {}

/** It has no relation back. */
export class Note extends table('notes', {
  id: integer().primaryKey().generated(),
  text: text(),
  personId: integer().references(() => Person),
}) {}

export class Club extends table('clubs', {
  id: integer().primaryKey().generated(),
  name: text(),
  members: () => manyToMany(Person, { through: Membership }),
}) {}

export class Membership extends table('memberships', {
  personId: integer()
    .primaryKey()
    .references(() => Person),
  clubId: integer()
    .primaryKey()
    .references(() => Club),
  role: text().default('member'),
  since: timestamptz().defaultNow(),
}) {}

class Friendship extends table('friendships', {
  oneId: integer()
    .primaryKey()
    .references(() => Person),
  otherId: integer()
    .primaryKey()
    .references(() => Person),
}) {}

/** It needs more than its two keys. */
class Visit extends table('visits', {
  id: integer().primaryKey().generated(),
  personId: integer().references(() => Person),
  placeId: integer().references(() => Place),
  days: integer(),
}) {}

export class Place extends table('places', {
  id: integer().primaryKey().generated(),
  name: text(),
  visitors: () => manyToMany(Person, { through: Visit }),
}) {}

export const people = [
  Person,
  Badge,
  Locker,
  Note,
  Club,
  Membership,
  Friendship,
  Visit,
  Place,
] as const
