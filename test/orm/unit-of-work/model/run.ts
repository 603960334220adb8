import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import { selectinload, type Session, sql } from '../../../../orm/index.ts'
import type { RelationHandle } from '../../../../orm/entity/relation-handle.ts'
import type { Operation } from './operations.ts'
import { PlainModel } from './plain-model.ts'
import { type AnyEntity, classOf, type Kind, Person, Skill, Team } from './tables.ts'

class Undone extends Error {}

type OnOne = Extract<Operation, { readonly kind: Kind }>

const statements = {
  rows: `select 'person' as kind, p.label, p.name, b.label as boss, t.label as team from people p
    left join people b on b.id = p.boss_id left join teams t on (t.org, t.no) = (p.team_org, p.team_no)
    union all select 'team', label, name, null, null from teams
    union all select 'skill', label, name, null, null from skills`,
  links: `select p.label || '|' || s.label as link from person_skills
    join people p on p.id = person_id join skills s on s.id = skill_id`,
} as const

/** What a database holds, as a model. */
export async function stored(
  read: (text: string) => Promise<readonly object[]>,
): Promise<PlainModel> {
  const rows = (await read(statements.rows)) as readonly (Parameters<PlainModel['change']>[1] & {
    label: string
  })[]
  const links = (await read(statements.links)) as readonly { readonly link: string }[]
  const model = new PlainModel(
    [],
    links.map(({ link }) => link),
  )
  for (const { label, ...row } of rows) model.change(label, row)
  return model
}

/** Does the same to a session and to a plain model, and compares after each step. */
export class Run {
  readonly #session: Session
  #model = new PlainModel()
  #committed = new PlainModel()
  /** The entities that the session holds, as far as the program has seen them. */
  readonly #entities = new Map<string, AnyEntity>()
  /** The labels that were touched since each savepoint. */
  readonly #touched: Set<string>[] = [new Set()]

  constructor(session: Session) {
    this.#session = session
  }

  get committed(): PlainModel {
    return this.#committed
  }

  async all(operations: readonly Operation[], depth: number): Promise<void> {
    for (const operation of operations) {
      await this.#one(operation, depth)
      this.#compareSides()
    }
  }

  async #one(operation: Operation, depth: number): Promise<void> {
    switch (operation.do) {
      case 'add':
        return this.#add(operation)
      case 'rename':
        return this.#rename(operation)
      case 'delete':
        return this.#delete(operation)
      case 'load':
        return this.#load(operation)
      case 'choose':
        return this.#choose(operation)
      case 'boss':
      case 'team':
        return this.#refer(operation)
      case 'link':
        return this.#link(operation)
      case 'flush':
        return this.#session.flush()
      case 'check':
        return this.check()
      case 'commit':
        return depth === 0 ? this.commit() : undefined
      case 'rollback':
        return depth === 0 ? this.#rollback() : undefined
      case 'transaction':
        return this.#transaction(operation, depth)
    }
  }

  async #add({ kind, at, to }: OnOne): Promise<void> {
    const label = labelOf(kind, at)
    if (this.#model.rows.has(label)) return
    const name = `new ${to}`
    const boss = await this.#found('person', to)
    const entity =
      kind === 'person'
        ? new Person({ label, name, boss: boss as Person | null })
        : kind === 'team'
          ? new Team({ org: at % 2, no: at, label, name })
          : new Skill({ label, name })
    this.#session.add(entity)
    this.#entities.set(label, entity)
    this.#touch(label)
    this.#model.add(label, kind, name)
    if (kind === 'person' && boss !== null) this.#model.change(label, { boss: boss.label })
  }

  async #rename({ kind, at, to }: OnOne): Promise<void> {
    const entity = await this.#found(kind, at)
    if (entity === null) return
    entity.name = `renamed ${to}`
    this.#touch(entity.label)
    this.#model.change(entity.label, { name: entity.name })
  }

  async #delete({ kind, at }: OnOne): Promise<void> {
    const entity = await this.#found(kind, at)
    if (entity === null || this.#model.isReferred(entity.label)) return
    this.#session.delete(entity)
    this.#entities.delete(entity.label)
    this.#touch(entity.label)
    // It leaves the lists with its row.
    await this.#session.flush()
    this.#model.delete(entity.label)
  }

  async #load({ kind, at, to }: OnOne): Promise<void> {
    const entity = await this.#found(kind, at)
    if (entity === null) return
    // What is not stored yet cannot be loaded.
    await this.#session.flush()
    for (const relation of relationsOf(entity).slice(0, to + 1)) await relation
  }

  /** Loads some of the rows behind each relation. */
  async #choose({ kind, at, to }: OnOne): Promise<void> {
    const entity = await this.#found(kind, at)
    if (entity === null) return
    await this.#session.flush()
    const some = { name: `new ${to}` }
    if (entity instanceof Person)
      await this.#session.load(
        entity,
        selectinload(Person.staff).filter(some),
        selectinload(Person.skills).limit(1),
        selectinload(Person.boss).filter(some),
        selectinload(Person.team).filter(some),
      )
    else if (entity instanceof Team)
      await this.#session.load(entity, selectinload(Team.members).limit(1))
    else await this.#session.load(entity, selectinload(Skill.people).filter(some))
  }

  async #refer({
    do: what,
    at,
    to,
    isFromList,
  }: Operation & { do: 'boss' | 'team' }): Promise<void> {
    const person = (await this.#found('person', at)) as Person | null
    const kind = what === 'boss' ? 'person' : 'team'
    const target = to === null ? null : await this.#found(kind, to)
    if (person === null || (to !== null && target === null)) return
    const former = this.#model.rows.get(person.label)?.[what] ?? null
    this.#touch(person.label)
    if (target !== null && isFromList) listOf(target).add(person)
    else if (target === null && isFromList) {
      const owner = former === null ? null : await this.#foundBy(former)
      if (owner !== null) listOf(owner).remove(person)
    } else if (what === 'boss') person.boss.set(target as Person | null)
    else person.team.set(target as Team | null)
    this.#model.change(person.label, { [what]: target?.label ?? null })
  }

  async #link({ at, to, isThere, isFromList }: Operation & { do: 'link' }): Promise<void> {
    const person = (await this.#found('person', at)) as Person | null
    const skill = (await this.#found('skill', to)) as Skill | null
    if (person === null || skill === null) return
    if (isFromList) {
      if (isThere) skill.people.add(person)
      else skill.people.remove(person)
    } else if (isThere) person.skills.add(skill)
    else person.skills.remove(skill)
    const link = `${person.label}|${skill.label}`
    if (isThere) this.#model.links.add(link)
    else this.#model.links.delete(link)
  }

  /** The database has what the model has, as the session sees it. */
  async check(): Promise<void> {
    const read = (text: string): Promise<readonly object[]> => {
      const parts = Object.assign([text], { raw: [text] })
      return this.#session.execute(sql(parts))
    }
    deepStrictEqual((await stored(read)).sorted, this.#model.sorted)
  }

  async commit(): Promise<void> {
    await this.#session.commit()
    this.#committed = this.#model.copy()
    this.#touched.splice(0, this.#touched.length, new Set())
  }

  async #rollback(): Promise<void> {
    await this.#session.rollback()
    this.#model = this.#committed.copy()
    this.#entities.clear()
    this.#touched.splice(0, this.#touched.length, new Set())
  }

  async #transaction(
    { body, fails }: Operation & { do: 'transaction' },
    depth: number,
  ): Promise<void> {
    const before = this.#model.copy()
    this.#touched.push(new Set())
    const work = this.#session.transaction(async () => {
      await this.all(body, depth + 1)
      if (fails) throw new Undone()
    })
    if (fails) await rejects(work, Undone)
    else await work
    const touched = this.#touched.pop() ?? new Set()
    if (!fails) {
      for (const label of touched) this.#touch(label)
      return
    }
    this.#model = before
    // These are detached: the next use finds their rows again.
    for (const label of touched) this.#entities.delete(label)
  }

  #touch(label: string): void {
    this.#touched.at(-1)?.add(label)
  }

  #found(kind: Kind, at: number): Promise<AnyEntity | null> {
    return this.#foundBy(labelOf(kind, at))
  }

  /** The one entity of a row. */
  async #foundBy(label: string): Promise<AnyEntity | null> {
    const row = this.#model.rows.get(label)
    if (row === undefined) return null
    const held = this.#entities.get(label)
    if (held !== undefined) return held
    const entity = await this.#session
      .find(classOf[row.kind] as typeof Person)
      .filter({ label })
      .one()
    this.#entities.set(label, entity)
    return entity
  }

  /** Each loaded relation is what the model says, with the entities that the session holds. */
  #compareSides(): void {
    for (const [label, entity] of this.#entities) {
      if (entity instanceof Person) {
        const { boss, team } = this.#model.rows.get(label) ?? {}
        this.#compareOne(entity.boss, boss)
        this.#compareOne(entity.team, team)
        this.#compareList(entity.staff, this.#model.staff(label))
        this.#compareList(entity.skills, this.#model.linked(label))
      } else if (entity instanceof Team)
        this.#compareList(entity.members, this.#model.members(label))
      else this.#compareList(entity.people, this.#model.linked(label))
    }
  }

  #compareOne(relation: Loadable<AnyEntity | null>, label: string | null | undefined): void {
    if (!relation.isLoaded) return
    // A loader may have chosen another one: there is none then.
    if (relation.value !== null || isWhole(relation))
      strictEqual(relation.value?.label ?? null, label)
    this.#compareEntity(relation.value)
  }

  #compareList(relation: Loadable<readonly AnyEntity[]>, labels: readonly string[]): void {
    if (!relation.isLoaded) return
    const loaded = relation.value.map(({ label }) => label).toSorted()
    const expected = isWhole(relation) ? labels : labels.filter((label) => loaded.includes(label))
    deepStrictEqual(loaded, expected)
    for (const entity of relation.value) this.#compareEntity(entity)
  }

  #compareEntity(entity: AnyEntity | null): void {
    const known = entity === null ? undefined : this.#entities.get(entity.label)
    if (known !== undefined) strictEqual(entity, known)
  }
}

interface Loadable<T> {
  readonly isLoaded: boolean
  readonly value: T
}

/** Whether all related rows are loaded, and not those that a loader has chosen. */
function isWhole(relation: Loadable<unknown>): boolean {
  return (relation as unknown as RelationHandle).isWhole
}

function labelOf(kind: Kind, at: number): string {
  return `${kind} ${at}`
}

function relationsOf(entity: AnyEntity): readonly PromiseLike<unknown>[] {
  if (entity instanceof Person) return [entity.staff, entity.skills, entity.boss, entity.team]
  return entity instanceof Team ? [entity.members] : [entity.people]
}

/** The list of the entities that refer to one. */
function listOf(target: AnyEntity): Person['staff'] {
  if (target instanceof Person) return target.staff
  return target instanceof Team ? target.members : target.people
}
