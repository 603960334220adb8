import {
  belongsTo,
  hasMany,
  integer,
  keyOf,
  manyToMany,
  table,
  text,
} from '../../../../orm/index.ts'

/** Refers to rows of its own table, and by two columns to a team. */
export class Person extends table(
  'people',
  {
    id: integer().primaryKey().generated(),
    label: text().unique(),
    name: text(),
    bossId: integer()
      .nullable()
      .references(() => Person),
    teamOrg: integer().nullable(),
    teamNo: integer().nullable(),
    boss: () => belongsTo(Person, 'bossId'),
    staff: () => hasMany(Person, 'bossId'),
    team: () => belongsTo(Team, ['teamOrg', 'teamNo']),
    skills: () => manyToMany(Skill, { through: PersonSkill }),
  },
  { foreignKeys: [{ columns: ['teamOrg', 'teamNo'], references: () => keyOf(Team) }] },
) {}

export class Team extends table('teams', {
  org: integer().primaryKey(),
  no: integer().primaryKey(),
  label: text().unique(),
  name: text(),
  members: () => hasMany(Person, ['teamOrg', 'teamNo']),
}) {}

export class Skill extends table('skills', {
  id: integer().primaryKey().generated(),
  label: text().unique(),
  name: text(),
  people: () => manyToMany(Person, { through: PersonSkill }),
}) {}

class PersonSkill extends table('person_skills', {
  personId: integer()
    .primaryKey()
    .references(() => Person, { onDelete: 'cascade' }),
  skillId: integer()
    .primaryKey()
    .references(() => Skill, { onDelete: 'cascade' }),
}) {}

export const tables = [Person, Team, Skill, PersonSkill] as const

export type AnyEntity = Person | Team | Skill
export type Kind = 'person' | 'team' | 'skill'

export const classOf = { person: Person, team: Team, skill: Skill } as const
