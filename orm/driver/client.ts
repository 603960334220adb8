import pg from 'pg'

interface StartsUp {
  getStartupConf(): Readonly<Record<string, string>>
}

/** The client of pools that we open. */
export class Client extends pg.Client {
  /** @internal What `pg` says when it connects: dates come in one format, whatever the server's default. */
  getStartupConf(): Readonly<Record<string, string>> {
    // Poolers know this parameter, and nothing has to be sent for it.
    const usual = (pg.Client.prototype as unknown as StartsUp).getStartupConf.call(this)
    return { ...usual, DateStyle: 'ISO' }
  }
}
