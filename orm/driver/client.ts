import pg, { type ClientConfig } from 'pg'
import { ByteFeed } from './lane/byte-feed.ts'

interface StartsUp {
  getStartupConf(): Readonly<Record<string, string>>
}

/** The client of pools that we open. */
export class Client extends pg.Client {
  constructor(config?: string | ClientConfig) {
    super(config)
    // It refuses all queries that are not of `pg` itself, those of the lane too.
    Object.assign(this, { pipeline: false })
    ByteFeed.tap(this.connection)
  }

  /** @internal The startup parameters. Dates come in ISO format, whatever the server's default is. */
  getStartupConf(): Readonly<Record<string, string>> {
    // Poolers know this parameter, and it needs no extra statement.
    const usual = (pg.Client.prototype as unknown as StartsUp).getStartupConf.call(this)
    return { ...usual, DateStyle: 'ISO' }
  }
}
