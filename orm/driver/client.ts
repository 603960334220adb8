import pg from 'pg'

interface StartsUp {
  getStartupConf(): Readonly<Record<string, string>>
}

/** The client of pools that we open. */
export class Client extends pg.Client {
  /** @internal The startup parameters. Dates come in ISO format, whatever the server's default is. */
  getStartupConf(): Readonly<Record<string, string>> {
    // Poolers know this parameter, and it needs no extra statement.
    const usual = (pg.Client.prototype as unknown as StartsUp).getStartupConf.call(this)
    return { ...usual, DateStyle: 'ISO' }
  }
}
